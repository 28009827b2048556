import { expect } from 'vitest';
import { GATES } from '../../src/evaluate/gates.js';
import type { Comparison, Gate, Metrics, ModelReport, Report } from '../../src/report/schema.js';

/** A number as it is shown, in the unit it is shown in but for bytes and milliseconds. */
interface Figure {
  value: number;
  /** Half a unit of its last digit. */
  tolerance: number;
}

const UNITS: Readonly<Record<string, number>> = { kB: 1e3, MB: 1e6, GB: 1e9, TB: 1e12, µs: 1e-3, s: 1e3 };
const FIGURE = /(> )?([−+-]?)((?:\d{1,3}(?:,\d{3})+|\d+)(?:\.(\d+))?(?:e([+-]?\d+))?)(?: (kB|MB|GB|TB|µs|s)(?!\w))?/g;

/** All numbers in a text, with the precision that they are shown in. */
export function figuresIn(text: string): Figure[] {
  return [...text.matchAll(FIGURE)].map(([, more, sign, digits, decimals = '', power = '0', unit = '']) => {
    const scale = UNITS[unit] ?? 1;
    const value = Number(digits!.replaceAll(',', '')) * scale * (sign === '−' || sign === '-' ? -1 : 1);
    // "> 99.99 %" stands for what would round to 100 and is less.
    const tolerance = more ? 0.01 : 0.5 * 10 ** (Number(power) - decimals.length) * scale;
    return { value, tolerance };
  });
}

/** What a cell should show: numbers in the unit of the cell, or nothing. */
export type Expected = readonly (number | undefined)[];

/** Checks that a text shows these numbers and no others. */
export function expectFigures(text: string, expected: Expected, place: string): void {
  const numbers = expected.filter((value) => value !== undefined);
  const figures = figuresIn(text);
  expect(figures.length, `${place}: '${text}' should show ${numbers.join(' and ') || 'nothing'}`).toBe(numbers.length);
  for (const [index, { value, tolerance }] of figures.entries()) {
    const wanted = numbers[index]!;
    const slack = tolerance * 1.0001 + Math.abs(wanted) * 1e-12;
    expect(Math.abs(value - wanted), `${place}: '${text}' should show ${wanted}`).toBeLessThanOrEqual(slack);
  }
}

const percent = (value: number | undefined) => (value === undefined ? undefined : 100 * value);
const ofMetrics = (pick: (metrics: Metrics) => number | undefined) => (model: ModelReport) =>
  model.metrics && percent(pick(model.metrics));
const ofFidelity =
  (pick: (fidelity: NonNullable<ModelReport['fidelity']>) => number | undefined) =>
  ({ metrics, fidelity }: ModelReport) =>
    metrics || !fidelity ? undefined : pick(fidelity);

/** What each line of the headline shows of a model. */
const HEADLINE: Readonly<Record<string, (model: ModelReport) => number | undefined>> = {
  Size: ({ bytes }) => bytes,
  'Size, gzipped': ({ gzipBytes }) => gzipBytes,
  Parameters: ({ parameters }) => parameters,
  MACs: ({ macs }) => macs,
  Accuracy: ofMetrics(({ accuracy }) => accuracy),
  'Label accuracy': ofMetrics(({ labelAccuracy }) => labelAccuracy),
  'Top-5 accuracy': ofMetrics(({ top5 }) => top5),
  'Macro recall': ofMetrics(({ recall }) => recall.macro),
  'Macro F1': ofMetrics(({ f1 }) => f1.macro),
  Agreement: ofFidelity(({ agreement }) => percent(agreement)),
  SQNR: ofFidelity(({ sqnrDb }) => sqnrDb),
  Cosine: ofFidelity(({ cosine }) => cosine),
  'Largest error': ofFidelity(({ maxAbsError }) => maxAbsError),
  'Latency, mean': ({ latency }) => latency?.meanMs,
  'Latency, median': ({ latency }) => latency?.medianMs,
  'Latency, p90': ({ latency }) => latency?.p90Ms,
  Throughput: ({ latency }) => latency?.throughput,
};

const DROPS: Readonly<Record<string, keyof Comparison>> = {
  Accuracy: 'accuracyDrop',
  'Macro recall': 'recallDrop',
  'Macro F1': 'f1Drop',
};

/** What a line of the headline shows: of each model in its column, then of the change. */
export function headlineFigures(label: string, shown: readonly ModelReport[], report: Report): Expected[] {
  const pick = HEADLINE[label];
  expect(pick, `the headline has a line '${label}'`).toBeDefined();
  return [...shown.map((model) => [pick!(model)]), changeFigures(label, report)];
}

function changeFigures(label: string, { comparison, models }: Report): Expected {
  const [original, compressed] = ['original', 'compressed'].map((role) => models.find((model) => model.role === role));
  if (!comparison || !original || !compressed) return [];
  if (label === 'Size') return comparison.sizeRatio ? ratioFigures(comparison.sizeRatio) : [];
  if (label === 'Size, gzipped') {
    const [before, after] = [original.gzipBytes, compressed.gzipBytes];
    return before && after ? ratioFigures(before / after) : [];
  }
  const byMean = [original, compressed].some(({ latency }) => latency?.meanMs !== undefined);
  if (label === (byMean ? 'Latency, mean' : 'Latency, median'))
    return comparison.speedup ? ratioFigures(...intervalOf(comparison.speedup)) : [];
  const drop = DROPS[label] && (comparison[DROPS[label]] as Comparison['accuracyDrop']);
  if (drop) return [-100 * drop.value, -100 * drop.high, -100 * drop.low];
  if (!/ccuracy|Macro/.test(label)) return [];
  const pick = HEADLINE[label]!;
  const [before, after] = [pick(original), pick(compressed)];
  return before === undefined || after === undefined ? [] : [after - before];
}

const intervalOf = ({ value, low, high }: { value: number; low: number; high: number }): [number, number, number] => [
  value,
  low,
  high,
];

/** A ratio is told from the side where it is above 1. */
function ratioFigures(value: number, low = value, high = value): Expected {
  const range = low === high ? [] : value >= 1 ? [low, high] : [1 / high, 1 / low];
  return [value >= 1 ? value : 1 / value, ...range];
}

/** Factor from the report's unit to that shown. */
const SHOWN = { fraction: 100, points: 100, bytes: 1, milliseconds: 1, factor: 1 } as const;

/** What a gate shows: its limit, and what was measured. */
export function gateFigures({ name, limit, value }: Gate): Expected[] {
  const factor = SHOWN[GATES[name].unit];
  return [[factor * limit], [value === undefined ? undefined : factor * value]];
}

/** Percentages of fractions that may be absent. */
export const percents = (...values: (number | undefined)[]): Expected[] => values.map((value) => [percent(value)]);
