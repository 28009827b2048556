import { UserError } from '../errors.js';
import type { Model } from '../ir/model.js';
import type { Tensor } from '../ir/tensor.js';
import { foldBatchNorm } from '../passes/cleanup/fold-batch-norm.js';
import { applyPlan } from '../passes/quantize/apply.js';
import type { PreparedModel } from '../passes/quantize/index.js';
import { type Plan, surveyModel, type Treatment } from '../passes/quantize/plan.js';
import { type SimulatedModel, simulatePlan, withLearnedRanges } from '../passes/quantize/simulate.js';
import { findParameters, type Parameter } from '../training/parameters.js';
import { makeTrainable } from '../training/prepare.js';
import { withWeights } from '../training/weights.js';
import type { CommandContext } from './context.js';
import { distillationData, labelledOf, taughtBy } from './distill-data.js';
import { planTrained } from './finetune-plan.js';
import { originalScores } from './original-teacher.js';
import type { QuantizeOptions } from './quantize-options.js';
import type { ChosenPlan } from './quantize-plan.js';
import { decisionsOfPlan } from './quantize-resume.js';
import { checkTraining } from './training-checks.js';
import { openValidation, type TrainingData } from './training-data.js';
import { checkpointOf, runTraining, type TrainedModel } from './training-run.js';
import type { Workbench } from './workbench.js';

/** A model and a plan for it that were trained together. */
export interface TrainedPlan {
  /** The float model with trained weights. */
  prepared: PreparedModel;
  /** The plan with learned ranges. */
  chosen: ChosenPlan;
  /** What the plan gave before. */
  postTraining: Model;
  trained: TrainedModel;
  /** The samples that were learnt from, and how many of them have a label. */
  taught: TrainingData;
  labelled: number;
  /** Activations whose ranges were learned. */
  ranges: number;
}

/** Scales are few and matter much; their logarithms move this many times as fast as weights. */
const RANGE_RATE = 10;

/**
 * Quantization-aware training: simulates a plan by fake quantization and trains weights and ranges to give what the
 * float model gives. Epoch 0 is post-training quantization, and every epoch is judged in integers, as it would be
 * written, so that the result is never worse on the samples held out.
 * @throws UserError where the plan rounds nothing that can be simulated
 */
export async function trainPlan(
  bench: Workbench,
  prepared: PreparedModel,
  chosen: ChosenPlan,
  output: string,
  options: QuantizeOptions,
  context: CommandContext,
): Promise<TrainedPlan> {
  const { plan, facts, settings } = chosen;
  const simulated = await simulatePlan(prepared.model, plan, facts, settings);
  checkSimulation(simulated, chosen, context);
  noteNorms(prepared, context);
  const train = options.train!;
  const samples = await bench.open(train);
  const validation = await openValidation(bench, options);
  await checkTraining({ ...bench, model: prepared.model }, samples, validation, { ...options, train });
  const scores = await originalScores(bench, samples, output, options, context);
  try {
    const data = distillationData(samples, validation, scores, { ...options, train });
    const { temperature, alpha } = options;
    const taught = taughtBy(data, { loss: 'kd', temperature, alpha: [alpha, alpha], beta: 0 });
    if (taught.note) context.note(taught.note);
    const scales = scalesOf(simulated);
    const all = [...weightsOf(prepared.model), ...scales];
    const trainable = await makeTrainable(simulated.model, all);
    const course = { ...options, ...COURSE, train };
    const run = await planTrained(bench, taught, { trainable, all }, course, context);
    const apply = applierOf(prepared, chosen, simulated);
    const postTraining = chosen.build(plan);
    const names = new Set(scales.map(({ name }) => name));
    const trained = await runTraining(
      {
        // What a checkpoint knows of the run: the plan, its settings, the ranges and the weights.
        bench: { ...bench, model: postTraining },
        training: taught,
        label: 'quantization-aware training',
        checkpoint: checkpointOf(output),
        decisions: decisionsOfPlan(chosen, options),
        ...run,
        assemble: (weights) => apply(weights).build(plan),
        rateOf: ({ name }) => (names.has(name) ? RANGE_RATE : 1),
      },
      course,
      context,
    );
    const { model, ...changes } = apply(trained.weights);
    return {
      prepared: { ...prepared, model, survey: surveyModel(model) },
      chosen: { ...chosen, ...changes },
      postTraining,
      trained,
      taught,
      labelled: labelledOf(data).length,
      ranges: scales.length,
    };
  } finally {
    scores.close();
  }
}

/** Statistics of rounded batches would not be those of the model that is written. */
const COURSE = { batchNorm: 'frozen', launcher: 'local' } as const;

/** Gives the float model with trained weights, and the plan carried out on it with learned ranges. */
function applierOf({ model }: PreparedModel, { facts, settings }: ChosenPlan, { ranges }: SimulatedModel) {
  return (trained: ReadonlyMap<string, Tensor>) => {
    const changed = withWeights(model, trained);
    const learned = withLearnedRanges(facts, ranges, trained, settings);
    return { model: changed, facts: learned, build: (plan: Plan) => applyPlan(changed, plan, learned, settings) };
  };
}

/** Treatments whose rounding is not simulated. */
const UNKNOWN: ReadonlySet<Treatment> = new Set(['int4', 'fp16', 'fp16-storage']);

/** @throws UserError where a plan rounds nothing that can be simulated */
function checkSimulation({ rounded, ranges }: SimulatedModel, { plan, method }: ChosenPlan, { note }: CommandContext) {
  const other = [...plan.values()].find((treatment) => UNKNOWN.has(treatment));
  if (other)
    throw new UserError(`${other} is not simulated in training`, {
      file: '--qat',
      mend: 'take --method static or dynamic',
    });
  if (!rounded)
    throw new UserError(`this plan rounds nothing that training could make up for (${method})`, {
      file: '--qat',
      mend: 'leave it out, or choose other nodes with --method, --include and --exclude',
    });
  if (!ranges.length)
    note(
      'no activation has a range that is known beforehand in this plan: training makes up for rounded weights alone',
    );
}

function noteNorms({ passes, model }: PreparedModel, { note }: CommandContext): void {
  const folded = passes.find(({ name }) => name === foldBatchNorm.name)?.changed ?? 0;
  const left = model.graph.nodes.filter(({ type }) => type === 'BatchNormalization').length;
  if (folded) note(`${folded} batch normalizations are part of the layers before them: training leaves them there`);
  if (left) note(`${left} batch normalizations have no layer to be part of: their statistics stay as they are`);
}

/** Weights that training changes: all but embedding tables, whose rounding is not simulated. */
function weightsOf(model: Model): Parameter[] {
  const embeddings = surveyModel(model).candidates.filter(({ family }) => family === 'embedding');
  const tables = new Set(embeddings.map(({ node }) => node.inputs[0]));
  return findParameters(model.clone()).filter(({ name }) => !tables.has(name));
}

/** What the ranges of activations depend on. */
function scalesOf({ model: { graph }, ranges }: SimulatedModel): Parameter[] {
  const { consumers } = graph.index();
  return ranges.map(({ name }) => {
    const at = { consumer: consumers.get(name)![0]!, position: 0, depth: 0 };
    return { name, tensor: graph.initializers.get(name)!, ...at, decays: false };
  });
}
