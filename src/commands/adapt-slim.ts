import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { measureCost } from '../analysis/cost.js';
import type { TaskData } from '../data/task.js';
import { UserError } from '../errors.js';
import { checkOutput, inTemporaryFolder } from '../files.js';
import type { Model } from '../ir/model.js';
import { withoutDebuggingText } from '../onnx/debugging-text.js';
import { writeModel } from '../onnx/write.js';
import { CRITERIA } from '../passes/prune/importance/index.js';
import { ChannelPruning } from '../passes/prune/prune-channels.js';
import { type NestedWidths, nestWidths, widthAlone } from '../passes/slim/nest-widths.js';
import { switchWidths } from '../passes/slim/switch-widths.js';
import type { Report } from '../report/schema.js';
import { courseOf } from './adapt-course.js';
import type { AdaptOptions } from './adapt-options.js';
import { checkHasNoExits } from './adaptive-file.js';
import { openCalibration } from './calibration.js';
import type { CommandContext } from './context.js';
import { trainOnce } from './distill-train.js';
import { openGates } from './gating.js';
import { marked } from './model-path.js';
import { measuredBy, taughtByOriginal } from './original-teacher.js';
import { comparedOf, speedWarnings } from './speed-warnings.js';
import { overlapWarnings } from './training-data.js';
import { checkCheckpoints, checkpointOf, trainingReport, trainingWarnings } from './training-run.js';
import { deriveWorkbench, openWorkbench, type Workbench } from './workbench.js';
import { type Contender, compareModels, type Judgement, judgeResult } from './write-and-judge.js';

/** Training samples that channels are ranked on. */
const RANKED_ON = 256;
/** How the original is learnt from, as in pruning. */
const TEACHING = { temperature: 2, alpha: 0.5 };

/**
 * Trains a model at several widths at once, with shared weights, and writes them as one file with an input that chooses
 * (Yu et al. 2019, "Slimmable Neural Networks"). In each step all widths learn, from the labels and from what the original
 * says of the samples.
 * @throws UserError where there is nothing to learn from, or two widths come out alike
 */
export async function adaptSlim(path: string, options: AdaptOptions, context: CommandContext): Promise<Report> {
  const startedAt = new Date();
  const { train, slim, separate } = options;
  if (train === undefined)
    throw new UserError('needs samples to learn from', { file: '--slim', mend: 'name training data with --train' });
  const output = options.output ?? marked(path, '.slim');
  const files = slim.slice(1).map((share) => widthPath(output, share));
  for (const file of [output, ...(separate ? files : [])]) checkOutput(file, options.force);
  const checkpoint = checkpointOf(output);
  const given = { ...options, ...courseOf(train, options), ...TEACHING };
  checkCheckpoints([checkpoint], given);
  const bench = await openWorkbench(path, options, context);
  checkHasNoExits(bench, 'adapt');
  const test = options.data === undefined ? undefined : await bench.open(options.data);
  const gates = await openGates(options, test);
  const nested = await nestedWidths(bench, { ...options, train }, test, context);
  const taught = await taughtByOriginal(bench, output, given, context);
  try {
    const { data } = taught;
    const place = bench.model.graph.outputs.findIndex(({ name }) => name === data.data.output);
    const alike = nested.outputs.slice(1).map((names) => names[place]!);
    const course = { label: 'training', checkpoint, measured: measuredBy(options) };
    const own = await deriveWorkbench(bench, nested.model, options);
    const trained = await trainOnce(own, { ...data, alike }, course, given, context);
    const widths = { ...nested, model: trained.model };
    const { model } = await switchWidths(widths, slim);
    const alone = await Promise.all(
      slim.slice(1).map(async (_, k) => withoutDebuggingText(await widthAlone(widths, k + 1)).model),
    );
    return await inTemporaryFolder(async (folder) => {
      const contenders = await contendersOf(alone, slim, folder, { bench, test, inputs: data.data });
      const judgement = await judgeResult(
        {
          ...{ command: 'adapt', bench, sameTask: true, model, output, test, gates, startedAt, contenders },
          inputs: data.data,
          macs: (await measureCost(await widthAlone(widths, 0))).macs,
        },
        options,
        context,
      );
      const { report } = judgement;
      if (separate) for (const [k, file] of files.entries()) await writeModel(alone[k]!, file);
      rmSync(checkpoint, { force: true });
      return {
        ...withPaths(report, slim, separate ? files : files.map((_, k) => `${output}, width ${slim[k + 1]}`)),
        training: trainingReport(trained),
        warnings: [
          ...(await overlapWarnings(data, test)),
          ...trainingWarnings(trained, test),
          ...slowWidths(judgement, slim, options),
          ...report.warnings,
        ],
      };
    });
  } finally {
    taught.close();
  }
}

/** `model.onnx` at a width of 0.5 is `model.0.5.onnx`. */
const widthPath = (output: string, share: number) => marked(output, `.${share}`);

/**
 * The model at several widths. Channels of a width are those that matter most, as many of each layer as its share, in
 * multiples that this machine computes well.
 * @throws UserError where two widths come out alike
 */
async function nestedWidths(
  bench: Workbench,
  options: AdaptOptions & { train: string },
  test: TaskData | undefined,
  context: CommandContext,
): Promise<NestedWidths> {
  const { slim, seed } = options;
  const calibration = await openCalibration(bench, { ...options, calibrationSamples: RANKED_ON }, test);
  const task = context.progress.start('measuring what channels matter');
  const pruning = await ChannelPruning.prepare(bench.model, {
    ...{ criterion: CRITERIA.reconstruction, seed, session: bench.session },
    batches: () => calibration!.batches(),
  });
  task.done();
  const all = slim.map((share) => pruning.atShare(share));
  const whole = all[0]!.cost.macs;
  for (const [k, { widths, cost }] of all.entries()) {
    if (k && String(widths) === String(all[k - 1]!.widths))
      throw new UserError(`the widths ${slim[k - 1]} and ${slim[k]} come out alike`, {
        file: '--slim',
        mend: pruning.groups.length
          ? 'name shares that are further apart: channels come in multiples that this machine computes well'
          : 'no channels of this model can be removed; nncompress inspect --channels tells why',
      });
    if (whole) context.note(`width ${slim[k]}: ${Math.round((100 * cost.macs) / whole)} % of the multiply-accumulates`);
  }
  return nestWidths(
    pruning.model,
    pruning.found,
    all.map(({ widths }) => pruning.removedAt(widths)),
  );
}

/** What the widths are judged on. */
interface WidthsSite {
  bench: Workbench;
  test: TaskData | undefined;
  inputs: TaskData;
}

const roleOf = (share: number) => `width-${share}`;

/** The narrower widths as they stand beside the whole one in a report. */
function contendersOf(
  alone: readonly Model[],
  slim: readonly number[],
  folder: string,
  site: WidthsSite,
): Promise<Contender[]> {
  return Promise.all(
    alone.map(async (model, k) => {
      const path = join(folder, `${k + 1}.onnx`);
      await writeModel(model, path);
      return { role: roleOf(slim[k + 1]!), path, model, own: { ...site, classOrder: undefined } };
    }),
  );
}

/** Says so of widths that do not save the time that they were made to save. */
function slowWidths(judgement: Judgement, slim: readonly number[], { confidence }: AdaptOptions): string[] {
  const { report, original, contenders } = judgement;
  return contenders.flatMap((contender, k) => {
    const [before, after] = ['original', contender.role].map((role) => report.models.find((one) => one.role === role)!);
    const { comparison } = compareModels(original!, contender, judgement, confidence);
    const speed = comparedOf(before!, after!, comparison);
    return speedWarnings({ ...speed, than: 'the original', subject: `width ${slim[k + 1]}` });
  });
}

/** A report in which the widths have the paths that they are found at. */
function withPaths(report: Report, slim: readonly number[], paths: readonly string[]): Report {
  const known = new Map(slim.slice(1).map((share, k) => [roleOf(share), paths[k]!]));
  return { ...report, models: report.models.map((model) => ({ ...model, path: known.get(model.role) ?? model.path })) };
}
