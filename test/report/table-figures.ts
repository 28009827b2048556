import type { Latency, ModelReport, Report } from '../../src/report/schema.js';
import { type Expected, gateFigures, headlineFigures, percents } from './figures.js';

/** What the number cells of a row should show. @param texts of all cells of the row. */
type RowFigures = (report: Report, row: number, texts: readonly string[]) => Expected[];

/** The models as a headline with room for so many shows them: the original first, the compressed one last. */
export function shownModels({ models }: Report, most: number): ModelReport[] {
  const place = ({ role }: ModelReport) => (role === 'original' ? 0 : role === 'compressed' ? 2 : 1);
  const ordered = [...models].sort((a, b) => place(a) - place(b));
  return ordered.length <= most ? ordered : [...ordered.slice(0, most - 1), ordered.at(-1)!];
}

/** The models that are told apart in detail. */
export function pairOf({ models }: Report): ModelReport[] {
  const pair = ['original', 'compressed'].flatMap((role) => models.find((model) => model.role === role) ?? []);
  return pair.length ? pair : models.slice(0, 1);
}

/** Every table of the page by its id, and the figures that it should show. */
export const TABLES: Readonly<Record<string, RowFigures>> = {
  headline: (report, _, [label]) => headlineFigures(label!, shownModels(report, 8), report),
  'gate-list': ({ gates }, row) => gateFigures(gates[row]!),
  'class-list': classFigures,
  'confused-pairs': pairFigures,
  'operator-list': (report, row) => {
    const name = operatorsBySize(report)[row]!;
    return pairOf(report).flatMap(({ operators, operatorBytes }) => [
      [own(operators, name)],
      ...(operatorBytes ? [[own(operatorBytes, name)]] : []),
    ]);
  },
  'latency-list': latencyFigures,
  'speedup-list': ({ comparison }, row) => {
    const { batch, value, low, high } = comparison!.speedups![row]!;
    return [[batch], [value], [low], [high]];
  },
  'node-list': ({ nodes }, row) => [[nodes![row]!.sqnrDb]],
  'layer-list': ({ layers }, row) => {
    const { sqnrDb, cosine, maxAbsError } = layers!.values[row]!;
    return [[sqnrDb], [cosine], [maxAbsError]];
  },
  'trial-list': ({ quantization }, row) => {
    const trials = quantization!.trials!;
    const { speedups = [], sqnrDb, agreement } = trials[row]!;
    const batches = Math.max(...trials.map((trial) => trial.speedups?.length ?? 0));
    return [...Array.from({ length: batches }, (_, batch) => [speedups[batch]]), [sqnrDb], ...percents(agreement)];
  },
  'training-history': ({ training }, row) => recordFigures(training!.history, row),
  'alone-history': ({ distillation }, row) => recordFigures(distillation!.alone!.history, row),
  'hint-list': ({ distillation }, row) => [[distillation!.hints![row]!.weight]],
  'taught-history': ({ distillation }, row) => recordFigures(distillation!.taught!.history, row),
  'student-list': ({ distillation }, row) => {
    const { parameters, macs, bytes, latencyMs, samples, accuracy } = distillation!.candidates![row]!;
    return [[parameters], [macs], [bytes], [latencyMs], [samples], ...percents(accuracy)];
  },
  'way-list': ({ distillation }, row) => {
    const { samples, accuracy } = distillation!.trials![row]!;
    return [[samples], ...percents(accuracy)];
  },
  'exit-curve': ({ adaptive }, row) => recordFigures(adaptive!.curve, row),
  'exit-list': ({ adaptive }, row) => {
    const { threshold, share, accuracy, alone, macs } = adaptive!.exits[row]!;
    const detailed = adaptive!.exits.some((exit) => exit.alone !== undefined);
    return [[threshold], ...percents(share, accuracy), ...(detailed ? percents(alone, macs) : [])];
  },
  'exit-classes': ({ adaptive }, row) => percents(...adaptive!.exits.map(({ classes }) => classes?.[row]?.share)),
  'predicted-classes': ({ domain }, row) => {
    const { before, after } = domain!.unlabelled.classes[row]!;
    return percents(before, after, after - before);
  },
  'norm-list': ({ domain }, row) => {
    const { moved, widened } = domain!.norms![row]!;
    return [[moved], [widened]];
  },
  'kept-list': () => [],
  'sensitivity-list': ({ sensitivity }, row) => {
    const rows = sensitivity!.groups.flatMap(({ channels, points }) => points.map((point) => ({ channels, ...point })));
    const { channels, left, removed, fitted } = rows[row]!;
    return [[channels], [left], ...percents(removed, fitted)];
  },
  'group-list': ({ pruning }, row) => {
    const { before, after } = pruning!.groups[row]!;
    return [[before], [after], ...percents(before ? after / before : undefined)];
  },
};

/** Figures of a class: samples, then of recall, precision and F1 what they were, what they are, and the change. */
export function classFigures(report: Report, row: number): Expected[] {
  const [before, after] = pairOf(report).map(({ metrics }) => metrics);
  const first = before ?? after!;
  const scores = (['recall', 'precision', 'f1'] as const).flatMap((score) => {
    const from = first[score].perClass[row]?.value;
    if (!before || !after) return percents(from);
    const to = after[score].perClass[row]?.value;
    return percents(from, to, from === undefined || to === undefined ? undefined : to - from);
  });
  return [[first.recall.perClass[row]!.support], ...scores];
}

function pairFigures(report: Report, _: number, [target, predicted]: readonly string[]): Expected[] {
  const models = pairOf(report);
  const names = models[0]!.metrics!.recall.perClass.map((entry) => entry.class);
  const [i, j] = [names.indexOf(target!), names.indexOf(predicted!)];
  return models.map(({ metrics }) => [(metrics!.confusion as number[][])[i]![j]]);
}

/** Operators of both models, the largest first, then the most frequent. */
function operatorsBySize(report: Report): string[] {
  const models = pairOf(report);
  const most = (name: string, key: 'operators' | 'operatorBytes') =>
    Math.max(...models.map((model) => own(model[key], name) ?? 0));
  const names = models.flatMap(({ operators, operatorBytes }) => Object.keys({ ...operatorBytes, ...operators }));
  return [...new Set(names)].sort(
    (a, b) => most(b, 'operatorBytes') - most(a, 'operatorBytes') || most(b, 'operators') - most(a, 'operators'),
  );
}

/** Shares of runs whose time is shown, among them the median and 90 %. */
const SHARES = [0, 0.25, 'median', 0.75, 'p90', 0.95, 1] as const;

function latencyFigures({ models }: Report, row: number): Expected[] {
  const timed = models.flatMap(({ latency }) => latency ?? []);
  const at = ({ medianMs, p90Ms, quantilesMs }: Latency, share: (typeof SHARES)[number]) =>
    share === 'median' ? medianMs : share === 'p90' ? p90Ms : quantilesMs?.[share * (quantilesMs.length - 1)];
  const shown = SHARES.filter((share) => timed.some((latency) => at(latency, share) !== undefined));
  const latency = timed[row]!;
  return [[latency.batch], ...shown.map((share) => [at(latency, share)]), [latency.throughput]];
}

function recordFigures(records: readonly Record<string, number>[], row: number): Expected[] {
  const keys = [...new Set(records.flatMap((record) => Object.keys(record)))];
  return keys.map((key) => [own(records[row]!, key)]);
}

function own(record: Readonly<Record<string, number>> | undefined, key: string): number | undefined {
  return record && Object.hasOwn(record, key) ? record[key] : undefined;
}
