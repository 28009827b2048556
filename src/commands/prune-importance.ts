import { batchTargets } from '../data/targets.js';
import type { TaskData } from '../data/task.js';
import { UserError } from '../errors.js';
import { evaluateModels } from '../evaluate/evaluate-models.js';
import type { NamedValues } from '../ir/types.js';
import type { Criterion } from '../passes/prune/importance/criterion.js';
import { CRITERIA } from '../passes/prune/importance/index.js';
import type { CalibrationBatches } from '../passes/quantize/calibrate.js';
import { GRADIENT_CRITERIA } from '../training/gradient-importance.js';
import { classification, fillBatch, ROW_WEIGHTS, TARGETS } from '../training/objectives.js';
import type { Calibration } from './calibration.js';
import type { CRITERIA_NAMES } from './choices.js';
import type { PruningSite } from './prune-method.js';
import { scoreKindOf } from './score-kind.js';

type Name = (typeof CRITERIA_NAMES)[number];

/** How is told what channels matter. */
export interface ChannelImportance {
  name: Name;
  criterion: Criterion;
  /** What it is measured on. */
  batches: CalibrationBatches;
}

/** Criteria that look at weights alone. */
const WITHOUT_INPUTS: readonly Name[] = ['l1', 'l2', 'batch-norm', 'random'];

/** @throws UserError where inputs are needed and there are none, or gradients and the model gives no class scores */
export async function importanceOf(site: PruningSite): Promise<ChannelImportance> {
  const { options, calibration, context } = site;
  const name = nameOf(options.importance as Name | undefined, calibration !== undefined);
  if (!calibration && options.importance === undefined)
    context.note(
      'no inputs are there to measure on: channels are chosen by their weights, and no layer is fitted anew',
    );
  if (name === 'taylor' || name === 'fisher') return byGradient(name, calibration!, site);
  return { name, criterion: CRITERIA[name], batches: calibration ? () => calibration.batches() : noBatches };
}

function nameOf(given: Name | undefined, hasInputs: boolean): Name {
  if (given === undefined) return hasInputs ? 'reconstruction' : 'l2';
  if (hasInputs || WITHOUT_INPUTS.includes(given)) return given;
  throw new UserError('needs inputs to measure on', {
    file: `--importance ${given}`,
    mend: 'name some with --calibration or --data',
  });
}

async function* noBatches(): AsyncGenerator<NamedValues> {}

async function byGradient(
  name: keyof typeof GRADIENT_CRITERIA,
  calibration: Calibration,
  site: PruningSite,
): Promise<ChannelImportance> {
  const { bench } = site;
  const { indices } = calibration;
  const probabilities = (await scoreKindOf(bench, calibration.data, indices)) === 'probabilities';
  const data = await withLabels(calibration, site);
  const { output, kind, labels } = data;
  const classes = labels.classes.length;
  const objective = classification({ output, kind, probabilities, classes, labelSmoothing: 0 });
  return { name, criterion: GRADIENT_CRITERIA[name](objective), batches: () => samplesOf(data, indices) };
}

/** Samples without a label get what the model says of them. */
async function withLabels({ data, indices }: Calibration, { bench, context }: PruningSite): Promise<TaskData> {
  const { targets } = data.labels;
  const missing = indices.filter((index) => targets[index] === undefined);
  if (!missing.length) return data;
  const { workers, session } = bench;
  const evaluation = await evaluateModels([bench.path], data, { indices: missing, workers, session });
  const { predictions } = evaluation.classifications![0]!;
  const filled = [...targets];
  for (const [sample, index] of evaluation.indices.entries()) {
    const classes = predictions.predictedClasses(sample);
    filled[index] = data.kind === 'multi-label' ? classes : classes[0]!;
  }
  context.note(`${missing.length} of ${indices.length} samples have no label: what the model says of them stands in`);
  return { ...data, labels: { ...data.labels, targets: filled } };
}

/** Samples one by one, or as many as the model insists on, with their labels. */
async function* samplesOf(data: TaskData, indices: readonly number[]): AsyncGenerator<NamedValues> {
  const { fixedBatch } = data;
  for await (const batch of data.stream(indices, fixedBatch ?? 1)) {
    const rows = batch.indices.length;
    const weights = { type: 'float32' as const, dims: [rows], data: new Float32Array(rows).fill(1 / rows) };
    const feeds = { ...batch.feeds, [TARGETS]: batchTargets(data, batch.indices), [ROW_WEIGHTS]: weights };
    yield fixedBatch ? fillBatch(feeds, fixedBatch) : feeds;
  }
}
