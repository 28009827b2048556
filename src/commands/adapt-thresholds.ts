import { pickIndices } from '../data/sample.js';
import { splitHoldOut } from '../data/split.js';
import { subsetOf } from '../data/subset.js';
import { firstSamples, type TaskData } from '../data/task.js';
import { UserError } from '../errors.js';
import { worthwhileExits } from '../evaluate/exit-choice.js';
import { calibrateExits, type ExitModel, type ExitRecords, recordExits } from '../evaluate/exits.js';
import { dropInterval } from '../evaluate/paired.js';
import { type Interval, normalCdf } from '../evaluate/statistics.js';
import { accuracyBefore, bestPolicy, CARE, frontier, type Goal, type Policy } from '../evaluate/thresholds.js';
import { MEASURES, type Measure } from '../passes/exits/uncertainty.js';
import { formatPercent, formatPlain, formatPoints } from '../report/format.js';
import type { AdaptOptions } from './adapt-options.js';
import { trainSplitBeside } from './calibration.js';
import type { CommandContext } from './context.js';
import type { Workbench } from './workbench.js';

/** Samples that thresholds are chosen on. */
export interface ThresholdData {
  data: TaskData;
  indices: readonly number[];
  path: string;
  /** What stands in for data that was not given. */
  warning?: string;
  /** The test data, less what was taken of it. */
  test: TaskData | undefined;
}

/** More samples than these tell no more of a threshold. */
const MOST_SAMPLES = 20_000;

/**
 * Opens the data that thresholds are chosen on: validation data, else training data, else a train split that lies beside the
 * test data, else half of the test data, which is then judged by the other half.
 * @throws UserError where there is none
 */
export async function openThresholdData(
  bench: Pick<Workbench, 'open'>,
  test: TaskData | undefined,
  options: AdaptOptions,
): Promise<ThresholdData> {
  const named = options.validation ?? options.train;
  const beside = options.data === undefined ? undefined : trainSplitBeside(options.data);
  if (options.thresholds && test) return { ...sampled(test, options), test };
  if (named !== undefined) return { ...sampled(await bench.open(named), options), test };
  if (beside !== undefined) {
    const warning = `thresholds were chosen on ${beside}, found beside the test data; name other data with --validation`;
    return { ...sampled(await bench.open(beside), options), warning, test };
  }
  if (!test) throw new UserError('needs data to choose thresholds on', { file: '--validation', mend: 'name some' });
  const { train, held } = splitHoldOut(test, 0.5, options.seed);
  const halfOf = (indices: readonly number[]) => bench.open(subsetOf(test.dataset, indices));
  const warning =
    `thresholds were chosen on half of the test data (${train.length} samples), and the result is judged by the other ` +
    'half; name other data with --validation';
  return { ...sampled(await halfOf(train), options), warning, test: await halfOf(held) };
}

function sampled(data: TaskData, { seed }: AdaptOptions): Pick<ThresholdData, 'data' | 'indices' | 'path'> {
  return { data, indices: pickIndices(data.dataset, MOST_SAMPLES, seed), path: data.dataset.path };
}

/** Thresholds, and how they were come by. */
export interface Chosen {
  /** The model, its exits with their temperatures. */
  model: ExitModel;
  measure: Measure;
  thresholds: number[];
  /** Exits that were left out since they were not worth what they cost: where they were, and their accuracy and cost. */
  dropped: { after: string; accuracy: number; macs: number }[];
  /** What they gave where they were chosen; absent where they were given. */
  on?: {
    path: string;
    samples: number;
    policy: Policy;
    /** Accuracy that was lost, with a standard error of it. */
    drop: Interval;
    candidates: Policy[];
    /** Accuracy of the original. */
    before: number;
  };
}

/** Accuracy that may be lost where nothing is said. */
const DEFAULT_DROP = 0.005;

/** What is wanted of thresholds. */
export function goalOf({ macs, maxDrop }: Pick<AdaptOptions, 'macs' | 'maxDrop'>): Goal {
  return macs === undefined ? { maxDrop: maxDrop ?? DEFAULT_DROP } : { maxCost: macs };
}

/**
 * Chooses temperatures and thresholds, and says what they give.
 * @param isFree true where exits may be left out that are not worth what they cost.
 * @throws UserError where none of them is
 */
export async function chooseThresholds(
  model: ExitModel,
  source: ThresholdSource,
  bench: Workbench,
  isFree: boolean,
  options: AdaptOptions,
  context: CommandContext,
): Promise<Chosen> {
  if (options.thresholds) return givenThresholds(model, options.thresholds, options.measure);
  const task = context.progress.start('running all exits', source.indices.length);
  const chosen = await findThresholds(model, source, bench, isFree, options, (rows) => task.advance(rows));
  task.done();
  if (chosen.model.exits.length < 2) throw noneWorth(goalOf(options), bench.path);
  for (const { after, accuracy, macs } of chosen.dropped)
    context.note(
      `the exit behind ${after} is left out: ${formatPercent(accuracy)} right at ${formatPercent(macs)} of the cost saves nothing`,
    );
  const { policy, drop, samples, path } = chosen.on;
  context.note(
    `thresholds ${policy.thresholds.map((threshold) => threshold.toPrecision(3)).join(', ')} of ${chosen.measure}: on ` +
      `${samples.toLocaleString('en')} samples of ${path} ${formatPercent(policy.cost)} of the cost, ` +
      `${formatPoints(-drop.value)} points of accuracy (${formatPoints(-drop.high)} with a standard error)`,
  );
  return chosen;
}

type ThresholdSource = Pick<ThresholdData, 'data' | 'indices' | 'path'>;

/**
 * Finds temperatures and thresholds on data, for every measure of uncertainty that is asked for, and takes the best: the
 * last exit alone where none reaches what is wanted.
 */
export async function findThresholds(
  model: ExitModel,
  { data, indices, path }: ThresholdSource,
  bench: Pick<Workbench, 'workers' | 'session'>,
  isFree: boolean,
  options: Pick<AdaptOptions, 'measure' | 'seed' | 'macs' | 'maxDrop'>,
  onProgress?: (samples: number) => void,
): Promise<Chosen & Required<Pick<Chosen, 'on'>>> {
  const run = { data, indices, workers: bench.workers, session: bench.session };
  const calibrated = { ...model, exits: await calibrateExits(model, run, options.seed) };
  const measures = options.measure === 'auto' ? MEASURES : [options.measure];
  const records = await recordExits(calibrated, { ...run, onProgress }, measures);
  const goal = goalOf(options);
  const found = measures.map((measure) => ({ measure, policy: bestPolicy(records.table(measure), goal) }));
  const { measure } = found.reduce((a, b) => (isBetter(b.policy, a.policy, goal) ? b : a));
  const all = records.table(measure);
  const { kept, table, policy } = isFree
    ? worthwhileExits(all, goal)
    : { kept: [...model.exits.keys()], table: all, policy: bestPolicy(all, goal) };
  const { exits, dropped } = partExits(calibrated, kept, records);
  const { samples } = records;
  const drop = dropInterval({ ...policy, samples }, 2 * normalCdf(CARE) - 1);
  return {
    model: { ...calibrated, exits, costs: table.costs, own: table.own ?? [] },
    measure,
    thresholds: policy.thresholds,
    dropped,
    on: { path, samples, policy, drop, candidates: frontier(table), before: accuracyBefore(table) },
  };
}

/** Parts exits into those that stay, numbered anew where they have numbers, and the others. */
function partExits(
  { exits: all, costs }: ExitModel,
  kept: readonly number[],
  records: ExitRecords,
): Pick<Chosen, 'dropped'> & Pick<ExitModel, 'exits'> {
  const dropped = all.flatMap(({ after = '' }, k) =>
    kept.includes(k) ? [] : [{ after, accuracy: records.exits[k]!.result().accuracy, macs: costs[k]! }],
  );
  const exits = kept.map((place, k) => ({ ...all[place]!, ...(all[place]!.after && { name: `exit ${k + 1}` }) }));
  return { exits, dropped };
}

function noneWorth(goal: Goal, file: string): UserError {
  const wanted =
    'maxDrop' in goal ? `at most ${formatPlain(100 * goal.maxDrop)} points lost` : `--macs ${goal.maxCost}`;
  return new UserError(`no exit saves anything with ${wanted}`, {
    file,
    mend: 'allow more with --max-drop, give more training data, or name other places with --exit-at',
  });
}

/** @throws UserError where there are more or fewer than exits that samples may leave at early */
function givenThresholds(model: ExitModel, given: readonly number[], measure: AdaptOptions['measure']): Chosen {
  const wanted = model.exits.length - 1;
  if (given.length !== 1 && given.length !== wanted)
    throw new UserError(`${given.length} thresholds for ${wanted} exits before the last`, {
      file: '--thresholds',
      mend: `give ${wanted}, or one for all`,
    });
  const thresholds = Array.from({ length: wanted }, (_, exit) => given[exit] ?? given[0]!);
  return { model, measure: measure === 'auto' ? MEASURES[0] : measure, thresholds, dropped: [] };
}

function isBetter(a: Policy, b: Policy, goal: Goal): boolean {
  return 'maxDrop' in goal ? a.cost < b.cost : a.accuracy > b.accuracy;
}

/** Runs every sample of test data through all exits. */
export async function recordTest(
  { model, measure }: Pick<Chosen, 'model' | 'measure'>,
  test: TaskData,
  bench: Pick<Workbench, 'workers' | 'session'>,
  { limit }: { limit?: number | undefined },
  context: CommandContext,
): Promise<ExitRecords> {
  const indices = firstSamples(test, limit);
  const task = context.progress.start('running all exits on the test data', indices.length);
  const run = { data: test, indices, workers: bench.workers, session: bench.session };
  const records = await recordExits(model, { ...run, onProgress: (rows) => task.advance(rows) }, [measure]);
  task.done();
  return records;
}
