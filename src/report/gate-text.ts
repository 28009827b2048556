import { GATES, type GateUnit } from '../evaluate/gates.js';
import { formatBytes, formatDuration, formatFactor, formatFixed, formatPercent, printable } from './format.js';
import type { Gate } from './schema.js';
import { counted } from './summary.js';

/** A gate in words. */
export interface GateText {
  /** `min-recall of shirt`. */
  name: string;
  /** With its sign: `≤ 500 kB`. */
  limit: string;
  /** What was measured: `741 kB`. */
  value: string;
  /** What the interval leaves open; often empty. */
  note: string;
}

const FORMATS: Readonly<Record<GateUnit, (value: number) => string>> = {
  fraction: formatPercent,
  points: (value) => `${formatFixed(100 * value, 2)} points`,
  bytes: formatBytes,
  milliseconds: formatDuration,
  factor: formatFactor,
};

/** Exact forms, for values that look like their limit but are not. */
const EXACT: Readonly<Record<GateUnit, (value: number) => string>> = {
  fraction: (value) => `${100 * value} %`,
  points: (value) => `${100 * value} points`,
  bytes: (value) => `${formatFixed(value)} bytes`,
  milliseconds: (value) => `${value} ms`,
  factor: (value) => `${value}×`,
};

/** A gate in words: name, limit, what was measured, and what that leaves open. */
export function gateText(gate: Gate, confidence = 0.95): GateText {
  const { unit, limits } = GATES[gate.name];
  const { value, limit } = gate;
  const sign = limits === 'most' ? '≤' : '≥';
  const alike = value !== undefined && !gate.passed && FORMATS[unit](value) === FORMATS[unit](limit);
  const format = alike ? EXACT[unit] : FORMATS[unit];
  return {
    name: gate.class === undefined ? gate.name : `${gate.name} of ${printable(gate.class)}`,
    limit: `${sign} ${format(limit)}`,
    value: value === undefined ? 'not measured' : format(value),
    note: [fromBaseline(gate, format), openness(gate, confidence)].filter(Boolean).join('; '),
  };
}

/** A gate on one line: `max-size ≤ 500 kB: 741 kB`. */
export function gateLine(gate: Gate, confidence?: number): string {
  const { name, limit, value, note } = gateText(gate, confidence);
  return `${name} ${limit}: ${value}${note && ` (${note})`}`;
}

function fromBaseline({ baseline }: Gate, format: (value: number) => string): string {
  return baseline === undefined ? '' : `baseline ${format(baseline)}`;
}

/** How the gates of a report ended, in few words: `1 of 2 gates failed`. */
export function verdictOf(gates: readonly Gate[]): { passed: boolean; text: string } {
  const failed = gates.filter((gate) => !gate.passed).length;
  if (failed) return { passed: false, text: `${failed} of ${counted(gates.length, 'gate')} failed` };
  return { passed: true, text: gates.length ? `${counted(gates.length, 'gate')} passed` : 'no gates' };
}

function openness({ verdict, samplesNeeded }: Gate, confidence: number): string {
  if (verdict !== 'undecided') return '';
  const needed =
    samplesNeeded === undefined
      ? 'too near the limit to tell'
      : `about ${formatFixed(samplesNeeded)} samples would tell`;
  return `undecided at ${formatFixed(100 * confidence)} %: ${needed}`;
}
