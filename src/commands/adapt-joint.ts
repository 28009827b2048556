import { parseAugmentations } from '../data/augment/parse.js';
import type { ExitModel } from '../evaluate/exits.js';
import { worthOf } from '../evaluate/thresholds.js';
import type { Model } from '../ir/model.js';
import { decodeModel } from '../onnx/read.js';
import { encodeModel } from '../onnx/write.js';
import { formatFixed, formatPercent } from '../report/format.js';
import { otherRun, readAnyCheckpoint } from '../training/checkpoint.js';
import { withOutputs } from '../training/prepare.js';
import { courseOf } from './adapt-course.js';
import type { EarlyExits, HeadData } from './adapt-early-exit.js';
import type { AdaptOptions } from './adapt-options.js';
import { findThresholds, goalOf } from './adapt-thresholds.js';
import type { CommandContext } from './context.js';
import { withFilledLabels } from './distill-data.js';
import type { Recipe } from './distill-recipes.js';
import type { TeacherScores } from './distill-teachers.js';
import { trainOnce } from './distill-train.js';
import { batchSizeOf } from './finetune-plan.js';
import { originalScores } from './original-teacher.js';
import { checkTrainable } from './training-checks.js';
import type { TrainingData } from './training-data.js';
import { checkpointOf, type TrainedModel, trainingReport, trainingWarnings } from './training-run.js';
import { deriveWorkbench, type Workbench } from './workbench.js';

/** Where a model is trained together with its exits. */
export interface JointSite {
  bench: Workbench;
  data: HeadData;
  /** Heads that the frozen model was given, for a run that goes on. */
  heads: Model;
  /** The file that is to be written. */
  output: string;
}

/** Heads are trained alone as long as they always are: what is said of training is said of the whole model. */
export const headOptions = (options: AdaptOptions): AdaptOptions =>
  options.joint ? { ...options, epochs: undefined, batch: undefined, lr: undefined } : options;

/** Half of what every exit learns are the labels, half what the original says. */
const TAUGHT: Recipe = { loss: 'kd', temperature: 2, alpha: [0.5, 0.5], beta: 0 };

/** @throws UserError where the whole model cannot be trained as is asked for */
export async function checkJoint(bench: Workbench, { train }: HeadData, { augment }: AdaptOptions): Promise<void> {
  await checkTrainable(bench, train.output);
  parseAugmentations(augment, train);
}

/** What a checkpoint tells of the time before the whole model is trained. */
interface Decisions {
  /** The trained heads, an ONNX file in base64. */
  heads: string;
}

/**
 * Heads that an interrupted run had trained; undefined where none is gone on with.
 * @throws UserError where they are of a run with other exits
 */
export async function resumedHeads(
  output: string,
  built: Model,
  { joint, resume }: AdaptOptions,
): Promise<Model | undefined> {
  if (!joint || !resume) return undefined;
  const checkpoint = checkpointOf(output);
  const { heads } = ((await readAnyCheckpoint(checkpoint)).decisions ?? {}) as Partial<Decisions>;
  const model = heads === undefined ? undefined : decodeModel(Buffer.from(heads, 'base64'), checkpoint);
  const shapes = ({ graph }: Model) => JSON.stringify(graph.inputs.map(({ name, type }) => [name, type]));
  if (!model || shapes(model) !== shapes(built)) throw otherRun(checkpoint);
  return model;
}

/**
 * Trains a model together with its exits: each learns from the labels and from what the original says (Phuong and Lampert
 * 2019). After each epoch thresholds are chosen, and the epoch is kept that they are worth most of: perhaps the model as it
 * came, whose exits were trained alone.
 */
export async function trainJointly(
  frozen: ExitModel,
  { bench, data, heads, output }: JointSite,
  options: AdaptOptions,
  context: CommandContext,
): Promise<EarlyExits> {
  const { train, thresholds } = data;
  const scores = await originalScores(bench, train, output, {}, context);
  try {
    const training = taughtExits(frozen, data, scores);
    const own = await deriveWorkbench(bench, withOutputs(frozen.flat, training.alike), options);
    const course = courseOf(options.train!, options);
    const batch = train.fixedBatch ?? Math.min(batchSizeOf(train, course), training.indices.length);
    const original = { model: bench.model, output: train.output };
    const exitsOf = (model: Model): ExitModel => ({ ...frozen, flat: withOutputsOf(model, frozen.flat), original });
    const judge = async (model: Model) => {
      const { on } = await findThresholds(exitsOf(model), thresholds, bench, true, options);
      const { policy, samples } = on;
      const figures = { validationAccuracy: policy.accuracy, macs: policy.cost };
      return { score: worthOf(policy, goalOf(options), samples), figures };
    };
    const decisions: Decisions = { heads: Buffer.from(encodeModel(heads)).toString('base64') };
    const trained = await trainOnce(
      own,
      training,
      {
        ...{ label: 'training all', checkpoint: checkpointOf(output), decisions },
        ...(options.thresholds ? { measured: 'last' } : { measured: 'each', judge }),
      },
      { ...options, ...course, batch, keepZeros: true },
      context,
    );
    return {
      model: trained.bestEpoch ? exitsOf(trained.model) : frozen,
      training: trainingReport(trained),
      warnings: [...trainingWarnings(trained, train), ...noGain(trained, data, options)],
    };
  } finally {
    scores.close();
  }
}

/** Samples for all exits alike, with what the original says of them. */
function taughtExits(
  { exits }: ExitModel,
  { train, taught, thresholds }: HeadData,
  scores: TeacherScores,
): TrainingData & Required<Pick<TrainingData, 'alike'>> {
  const { targets } = train.labels;
  const data = withFilledLabels(train, scores);
  const validation = { data: thresholds.data === train ? data : thresholds.data, indices: thresholds.indices };
  return {
    ...{ data, validation, note: undefined },
    indices: taught.filter((index) => !scores.lacks(index)),
    teacher: {
      ...TAUGHT,
      logits: (indices) => scores.logits(indices, TAUGHT.temperature),
      isLabelled: (index) => targets[index] !== undefined,
      key: scores.key,
    },
    alike: exits.slice(0, -1).map((exit) => exit.scores),
  };
}

function withOutputsOf(model: Model, { graph }: Model): Model {
  const copy = model.clone();
  copy.graph.outputs = graph.outputs;
  return copy;
}

/** Says what the exits of the frozen model, which are kept, have over the others. */
function noGain(
  { bestEpoch, history }: TrainedModel,
  { train, thresholds }: HeadData,
  options: AdaptOptions,
): string[] {
  const [first, last] = [history[0], history.at(-1)].map((record) => record?.macs !== undefined && record);
  if (bestEpoch || !first || !last) return [];
  const shown = ({ macs, validationAccuracy }: Record<string, number>) =>
    `${formatPercent(validationAccuracy!)} right at ${formatPercent(macs!)} of the cost`;
  const { data, indices, path } = thresholds;
  const remedy =
    options.validation === undefined && data === train
      ? '; the original knows those samples from its training, so name others with --validation'
      : '';
  return [
    `exits of the frozen model are written: on ${formatFixed(indices.length)} samples of ${path} they are ${shown(first)}, and ` +
      `those trained with the model ${shown(last)}${remedy}`,
  ];
}
