import {
  formatBytes,
  formatDecibels,
  formatDuration,
  formatFactor,
  formatFixed,
  formatNumber,
  formatPercent,
  formatPoints,
  optional,
} from './format.js';
import type { Comparison, FidelityReport, Interval, Metrics, ModelReport, Report } from './schema.js';
import { baseOf, pointsText } from './summary.js';

/** How the compressed model differs, and whether that is surely better (1), surely worse (−1) or open (0). */
export interface Change {
  text: string;
  sense: number;
}

interface Row {
  label: string;
  /** Left out where room is short. */
  spare?: true;
  /** @param first the model in the first column, whose units the others take. */
  show(model: ModelReport, first: ModelReport): string | undefined;
  /** @param models what is compared with, and the compressed one. */
  change?(comparison: Comparison, models: readonly [ModelReport, ModelReport]): Change | undefined;
}

const ROWS: readonly Row[] = [
  {
    label: 'Size',
    show: ({ bytes }, first) => formatBytes(bytes, first.bytes),
    change: ({ sizeRatio }) => (sizeRatio ? ratioChange(sizeRatio, 'smaller', 'larger') : undefined),
  },
  {
    label: 'Size, gzipped',
    show: ({ gzipBytes }, first) => optional(gzipBytes, (bytes) => formatBytes(bytes, first.gzipBytes)),
    change: (_, [original, compressed]) =>
      original.gzipBytes && compressed.gzipBytes
        ? ratioChange(original.gzipBytes / compressed.gzipBytes, 'smaller', 'larger')
        : undefined,
  },
  { label: 'Parameters', spare: true, show: ({ parameters }) => optional(parameters, formatFixed) },
  { label: 'MACs', spare: true, show: ({ macs }) => optional(macs, formatFixed) },
  metricRow('Accuracy', (metrics) => metrics.accuracy, 'accuracyDrop'),
  metricRow('Label accuracy', (metrics) => metrics.labelAccuracy),
  { ...metricRow('Top-5 accuracy', (metrics) => metrics.top5), spare: true },
  metricRow('Macro recall', (metrics) => metrics.recall.macro, 'recallDrop'),
  metricRow('Macro F1', (metrics) => metrics.f1.macro, 'f1Drop'),
  fidelityRow('Agreement', ({ agreement }) => optional(agreement, formatPercent)),
  fidelityRow('SQNR', ({ sqnrDb }) => optional(sqnrDb, formatDecibels)),
  fidelityRow('Cosine', ({ cosine }) => formatFixed(cosine, 5)),
  fidelityRow('Largest error', ({ maxAbsError }) => formatNumber(maxAbsError)),
  {
    label: 'Latency, mean',
    show: ({ latency }, first) => optional(latency?.meanMs, (ms) => formatDuration(ms, first.latency?.meanMs)),
    change: (comparison, models) => (hasMeans(models) ? speedupChange(comparison) : undefined),
  },
  {
    label: 'Latency, median',
    show: ({ latency }, first) => optional(latency?.medianMs, (ms) => formatDuration(ms, first.latency?.medianMs)),
    change: (comparison, models) => (hasMeans(models) ? undefined : speedupChange(comparison)),
  },
  {
    label: 'Latency, p90',
    spare: true,
    show: ({ latency }, first) => optional(latency?.p90Ms, (ms) => formatDuration(ms, first.latency?.medianMs)),
  },
  {
    label: 'Throughput',
    spare: true,
    show: ({ latency }) => optional(latency?.throughput, (value) => `${formatNumber(value)}/s`),
  },
];

/** True where latencies are means over different inputs, which the speed-up then is about. */
const hasMeans = (models: readonly ModelReport[]) => models.some(({ latency }) => latency?.meanMs !== undefined);

function speedupChange({ speedup }: Comparison): Change | undefined {
  return speedup && ratioChange(speedup.value, 'faster', 'slower', speedup);
}

/** A property of the models, ready to be shown. */
export interface HeadlineRow {
  label: string;
  /** One per model shown; empty where the model lacks the property. */
  cells: string[];
  change?: Change | undefined;
}

/** The models side by side. */
export interface Headline {
  /** The models shown, the original first and the compressed one last. */
  models: ModelReport[];
  /** Of the intervals in the rows, as text; empty where there is no comparison. */
  confidence: string;
  rows: HeadlineRow[];
}

/**
 * What matters most of each model, and what changed from the original to the compressed one.
 * @param detailed with the properties that can be spared.
 * @param most models that fit beside each other.
 */
export function headlineOf({ models, comparison, adaptive }: Report, { detailed = true, most = 8 } = {}): Headline {
  const shown = columnsOf(models, most);
  const rows = ROWS.filter(({ spare }) => detailed || !spare)
    .map((row) => filled(row, shown, comparison))
    .filter(({ label, cells }) => cells.some(Boolean) && (label !== 'MACs' || adaptive || new Set(cells).size > 1));
  return { models: shown, confidence: comparison ? confidenceOf(comparison) : '', rows };
}

/** The rows that say most, of each of these the first there is. */
const KEY_ROWS: readonly (readonly string[])[] = [
  ['Size'],
  ['Latency, mean', 'Latency, median'],
  ['Accuracy', 'Agreement', 'SQNR'],
];

/** The three rows that sum a report up: size, speed and quality, as far as they were measured. */
export function keyRows({ rows }: Headline): HeadlineRow[] {
  return KEY_ROWS.flatMap((labels) => {
    const row = labels.map((label) => rows.find((candidate) => candidate.label === label)).find((found) => found);
    return row ? [row] : [];
  });
}

/** The confidence of a report's intervals: `95 %`. */
export function confidenceOf(comparison: Comparison | undefined): string {
  return `${formatFixed(100 * (comparison?.confidence ?? 0.95))} %`;
}

function filled(
  { label, show, change }: Row,
  shown: readonly ModelReport[],
  comparison: Comparison | undefined,
): HeadlineRow {
  const [base, compressed] = [baseOf(shown), shown.find(({ role }) => role === 'compressed')];
  return {
    label,
    cells: shown.map((model) => show(model, shown[0]!) ?? ''),
    change: comparison && base && compressed ? change?.(comparison, [base, compressed]) : undefined,
  };
}

/** What is compared with first, the compressed model last, of the others as many as fit. */
function columnsOf(models: readonly ModelReport[], most: number): ModelReport[] {
  const base = baseOf(models);
  const place = (model: ModelReport) => (model === base ? 0 : model.role === 'compressed' ? 2 : 1);
  const ordered = [...models].sort((a, b) => place(a) - place(b));
  return ordered.length <= most ? ordered : [...ordered.slice(0, most - 1), ordered.at(-1)!];
}

function metricRow(
  label: string,
  pick: (metrics: Metrics) => number | undefined,
  drop?: 'accuracyDrop' | 'recallDrop' | 'f1Drop',
): Row {
  const metricOf = ({ metrics }: ModelReport) => metrics && pick(metrics);
  return {
    label,
    show: (model) => optional(metricOf(model), formatPercent),
    change: (comparison, [original, compressed]) => {
      const interval = drop && comparison[drop];
      if (interval) return pointsChange(interval);
      const [before, after] = [metricOf(original), metricOf(compressed)];
      if (before === undefined || after === undefined) return undefined;
      return { text: `${formatPoints(after - before)} points`, sense: 0 };
    },
  };
}

/** Nearness to the original, shown where there are no labels to judge by. */
function fidelityRow(label: string, show: (fidelity: FidelityReport) => string | undefined): Row {
  return { label, show: ({ metrics, fidelity }) => (metrics || !fidelity ? undefined : show(fidelity)) };
}

/** A drop as the change that it is: positive where the compressed model is better. */
function pointsChange(drop: Interval): Change {
  return { text: pointsText(drop), sense: drop.high < 0 ? 1 : drop.low > 0 ? -1 : 0 };
}

/** A ratio of original to compressed, told from the side where it is above 1. */
function ratioChange(
  value: number,
  better: string,
  worse: string,
  { low, high } = { low: value, high: value },
): Change {
  const sense = low > 1 ? 1 : high < 1 ? -1 : 0;
  const [shown, from, to] = value >= 1 ? [value, low, high] : [1 / value, 1 / high, 1 / low];
  const range = low === high ? '' : ` (${formatFixed(from, 2)} … ${formatFixed(to, 2)})`;
  return { text: `${formatFactor(shown)} ${value >= 1 ? better : worse}${range}`, sense };
}
