import { UserError } from '../errors.js';
import { decide, dropInterval, dropOf, type PairedCounts, samplesNeeded, type Verdict } from './paired.js';
import type { Averages } from './scores.js';
import { ROUNDING } from './statistics.js';
import { parseFraction } from './units.js';

/** A limit on recall: of one class, or of the macro average where none is named. */
export interface RecallLimit {
  /** 0…1. */
  limit: number;
  class?: string | undefined;
}

/** Limits that a result must keep; absent ones are not checked. */
export interface GateLimits {
  /** Most accuracy that may be lost, as a fraction. */
  maxDrop?: number | undefined;
  /**
   * Where given, `maxDrop` must hold with this confidence (0…1): the whole interval of the drop lies below it. Otherwise
   * the drop as measured decides.
   */
  confidence?: number | undefined;
  minAccuracy?: number | undefined;
  /** Share of single decisions that are right, for multi-label data. */
  minLabelAccuracy?: number | undefined;
  minTop5?: number | undefined;
  minRecall?: readonly RecallLimit[] | undefined;
  /** On macro precision. */
  minPrecision?: number | undefined;
  /** On macro F1. */
  minF1?: number | undefined;
  /** Bytes of the model's files. */
  maxSize?: number | undefined;
  /** Milliseconds at the median. */
  maxLatency?: number | undefined;
  /** Times as fast as the original. */
  minSpeedup?: number | undefined;
  /** Bytes. */
  maxPeakMemory?: number | undefined;
}

/** What was measured; a gate whose fact is absent does not pass. */
export interface GateFacts {
  /** How the samples fared against the original. */
  pairs?: PairedCounts | undefined;
  accuracy?: number | undefined;
  labelAccuracy?: number | undefined;
  top5?: number | undefined;
  recall?: Averages | undefined;
  precision?: Averages | undefined;
  f1?: Averages | undefined;
  bytes?: number | undefined;
  latencyMs?: number | undefined;
  speedup?: number | undefined;
  peakMemoryBytes?: number | undefined;
}

/** A gate's name, as in the report. */
export type GateName = keyof typeof GATES;

/** A limit and whether it was kept. */
export interface GateResult {
  name: GateName;
  /** The class a limit on recall is for. */
  class?: string;
  limit: number;
  /** Absent where it was not measured. */
  value?: number;
  /** What the baseline holds, for limits that were made from one. */
  baseline?: number;
  passed: boolean;
  /** What the interval of the drop says, at the confidence asked for or 95 %; for max-drop. */
  verdict?: Verdict;
  /** Samples that would probably decide, where the verdict is undecided and some number would. */
  samplesNeeded?: number;
}

/** What a gate's numbers are; points are a difference of fractions. */
export type GateUnit = 'fraction' | 'points' | 'bytes' | 'milliseconds' | 'factor';

interface GateRow {
  unit: GateUnit;
  /** Whether the limit is the most or the least allowed. */
  limits: 'most' | 'least';
  asked(limits: GateLimits): number | readonly RecallLimit[] | undefined;
  fact(facts: GateFacts, className?: string): number | undefined;
}

/** Every gate, in the order of the report. */
export const GATES = {
  'max-drop': row('points', 'most', 'maxDrop', ({ pairs }) => pairs && dropOf(pairs)),
  'min-accuracy': row('fraction', 'least', 'minAccuracy', ({ accuracy }) => accuracy),
  'min-label-accuracy': row('fraction', 'least', 'minLabelAccuracy', ({ labelAccuracy }) => labelAccuracy),
  'min-top5': row('fraction', 'least', 'minTop5', ({ top5 }) => top5),
  'min-recall': row('fraction', 'least', 'minRecall', recallFact),
  'min-precision': row('fraction', 'least', 'minPrecision', ({ precision }) => precision?.macro),
  'min-f1': row('fraction', 'least', 'minF1', ({ f1 }) => f1?.macro),
  'max-size': row('bytes', 'most', 'maxSize', ({ bytes }) => bytes),
  'max-latency': row('milliseconds', 'most', 'maxLatency', ({ latencyMs }) => latencyMs),
  'min-speedup': row('factor', 'least', 'minSpeedup', ({ speedup }) => speedup),
  'max-peak-memory': row('bytes', 'most', 'maxPeakMemory', ({ peakMemoryBytes }) => peakMemoryBytes),
} as const satisfies Record<string, GateRow>;

function row(
  unit: GateUnit,
  limits: GateRow['limits'],
  key: Exclude<keyof GateLimits, 'confidence'>,
  fact: GateRow['fact'],
): GateRow {
  return { unit, limits, asked: (given) => given[key], fact };
}

/**
 * Checks limits against what was measured.
 * @returns one result per limit given, in the order of `GATES`.
 * @throws UserError where a limit names a class that the model does not have.
 */
export function evaluateGates(limits: GateLimits, facts: GateFacts): GateResult[] {
  const entries = Object.entries(GATES) as [GateName, GateRow][];
  return entries.flatMap(([name, gate]) => {
    const asked = gate.asked(limits);
    if (asked === undefined) return [];
    const list = typeof asked === 'number' ? [{ limit: asked }] : asked;
    return list.map((limit) => evaluateGate(name, gate, limit, limits.confidence, facts));
  });
}

function evaluateGate(
  name: GateName,
  gate: GateRow,
  { limit, class: className }: RecallLimit,
  confidence: number | undefined,
  facts: GateFacts,
): GateResult {
  const value = gate.fact(facts, className);
  const result = { name, ...(className !== undefined && { class: className }), limit };
  if (value === undefined) return { ...result, passed: false };
  const passed = gate.limits === 'most' ? value <= limit + ROUNDING : value >= limit - ROUNDING;
  if (name !== 'max-drop' || !facts.pairs) return { ...result, value, passed };
  const verdict = decide(dropInterval(facts.pairs, confidence), limit);
  const needed = verdict === 'undecided' ? samplesNeeded(limit, facts.pairs, confidence) : undefined;
  return {
    ...result,
    value,
    passed: confidence === undefined ? passed : verdict === 'pass',
    verdict,
    ...(needed !== undefined && { samplesNeeded: needed }),
  };
}

function recallFact({ recall }: GateFacts, className?: string): number | undefined {
  if (!recall || className === undefined) return recall?.macro;
  const found = recall.perClass.find((entry) => entry.class === className);
  if (found) return found.value;
  const names = recall.perClass.map((entry) => entry.class);
  throw new UserError(`the model has no class '${className}'`, {
    file: '--min-recall',
    mend: `its classes are ${names.slice(0, 5).join(', ')}${names.length > 5 ? ' …' : ''}`,
  });
}

/**
 * A limit on recall: `0.9` for the macro average, `dog=90%` for a class.
 * @throws UserError where the part after the last `=` is no fraction.
 */
export function parseRecallLimit(text: string, option?: string): RecallLimit {
  const split = text.lastIndexOf('=');
  if (split < 0) return { limit: parseFraction(text, option) };
  return { class: text.slice(0, split).trim(), limit: parseFraction(text.slice(split + 1), option) };
}
