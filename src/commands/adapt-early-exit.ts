import { type ModelCost, measureCost } from '../analysis/cost.js';
import { splitHoldOut } from '../data/split.js';
import type { TaskData } from '../data/task.js';
import { UserError } from '../errors.js';
import type { ExitModel } from '../evaluate/exits.js';
import type { Model } from '../ir/model.js';
import type { NamedValues } from '../ir/types.js';
import { didYouMean } from '../nearest.js';
import { embed } from '../passes/exits/embed.js';
import { distinctPlaces, type ExitPlace, findExitPlaces, spreadPlaces, WITHIN } from '../passes/exits/places.js';
import { routeByConfidence } from '../passes/exits/route.js';
import { likeOutput } from '../passes/exits/scores.js';
import { checkOpenBatch, type Exit, findRowAxes, type RowAxes } from '../passes/exits/stages.js';
import { MEASURES, type ScoreForm } from '../passes/exits/uncertainty.js';
import { formatPercent } from '../report/format.js';
import type { Report } from '../report/schema.js';
import { type ExitFeatures, emitFeatures, type TokenMask } from '../students/exit-features.js';
import { type BuiltHeads, buildHeads, headFor } from '../students/exit-heads.js';
import { costsOf, OPSET, plainCopy, unknownCost } from './adapt-flat.js';
import { trainFrozen } from './adapt-frozen.js';
import { checkJoint, headOptions, resumedHeads, trainJointly } from './adapt-joint.js';
import type { AdaptOptions } from './adapt-options.js';
import { openThresholdData, type ThresholdData } from './adapt-thresholds.js';
import { checkRows } from './adapt-write.js';
import type { CommandContext } from './context.js';
import { withoutNorms } from './new-student.js';
import { scoreKindOf } from './score-kind.js';
import { trainingReport } from './training-run.js';
import { latencyFeeds } from './verify.js';
import type { Workbench } from './workbench.js';

/** Samples that heads learn from, and others that thresholds are chosen on. */
export interface HeadData {
  train: TaskData;
  taught: readonly number[];
  /** Those of the training data that heads do not see. */
  held: readonly number[];
  thresholds: ThresholdData;
}

/** Held out of the training data: so many samples, and at least and at most this share. */
const HELD = { samples: 2000, share: [0.1, 0.3] } as const;

/**
 * Opens the training data and, where there is no validation data, holds a part of it out, on which thresholds are chosen.
 * @throws UserError where there is none
 */
export async function openHeadData(
  bench: Workbench,
  test: TaskData | undefined,
  options: AdaptOptions,
): Promise<HeadData> {
  if (options.train === undefined)
    throw new UserError('needs data to train exits on', { file: '--early-exit', mend: 'name some with --train' });
  const train = await bench.open(options.train);
  const { size } = train.dataset;
  const isHeldOut = options.validation === undefined;
  const usual = isHeldOut ? Math.min(HELD.share[1], Math.max(HELD.share[0], HELD.samples / size)) : 0;
  const { train: taught, held } = splitHoldOut(train, options.holdOut ?? usual, options.seed);
  if (!taught.length || (isHeldOut && !held.length))
    throw new UserError(`has ${size} samples, too few to hold some out`, {
      file: options.train,
      mend: 'give more, or change --hold-out',
    });
  const thresholds = isHeldOut
    ? { data: train, indices: held, path: `${options.train} (held out)`, test }
    : await openThresholdData(bench, test, options);
  return { train, taught, held, thresholds };
}

/** A model with trained exits. */
export interface EarlyExits {
  model: ExitModel;
  training: Report['training'];
  warnings: string[];
}

/**
 * Adds exits to a model: finds places, trains a small head at each on features that are computed once, and puts them into the
 * graph. The model itself stays as it is, unless it is to be trained with them.
 * @throws UserError where there is no place for an exit
 */
export async function openEarlyExits(
  bench: Workbench,
  data: HeadData,
  output: string,
  options: AdaptOptions,
  context: CommandContext,
): Promise<EarlyExits> {
  const { train, taught } = data;
  if (options.joint) await checkJoint(bench, data, options);
  const form: ScoreForm = {
    kind: train.kind,
    probabilities: (await scoreKindOf(bench, train, taught)) === 'probabilities',
    width: train.kind === 'binary' ? 1 : train.labels.classes.length,
  };
  const flat = await plainCopy(bench.model, Math.max(OPSET, bench.model.opset));
  const [sample] = await latencyFeeds(bench, train);
  const axes = await findRowAxes(likeSample(flat, train, sample!));
  checkOpenBatch(axes, bench.path);
  await checkRows([flat], bench, train, options.seed);
  const cost = await measureCost(flat, { feeds: sample! });
  if (!cost.macs) throw unknownCost(bench.path);
  const places = placesOf(flat, train.output, axes, cost, options, bench.path);
  const features = places.map((place, k) => emitFeatures(flat, place, `exit_${k + 1}`, maskOf(place, train, axes)));
  const spec = { outputs: form.width, budget: HEAD_BUDGET * cost.macs, opset: flat.opset };
  const designs = await Promise.all(features.map((own, k) => headFor(`exit_${k + 1}`, own, spec)));
  for (const [k, { value, share }] of places.entries())
    context.note(`an exit at ${formatPercent(share)} of the cost, behind ${value}: ${designs[k]!.about}`);
  const built = buildHeads(designs, spec, options.seed);
  await checkRouting(flat, (trial) => addHeads(trial, built, features, places, train, form, axes), train, form);
  const resumed = await resumedHeads(output, built.model, options);
  const placed = { built, features, form };
  const trained = resumed ? undefined : await trainFrozen(flat, placed, bench, data, headOptions(options), context);
  const heads = resumed ?? (await withoutNorms(trained!.model));
  const exits = addHeads(flat, { ...built, model: heads }, features, places, train, form, axes);
  const { shares, own, warnings } = await costsOf(flat, exits, bench.model, sample!);
  const model = { flat, exits, form, costs: shares, own };
  if (!options.joint) return { model, training: trainingReport(trained!), warnings };
  const joint = await trainJointly(model, { bench, data, heads, output }, options, context);
  return { ...joint, warnings: [...warnings, ...joint.warnings] };
}

/** Most that one head may cost, as a share of the model. */
const HEAD_BUDGET = 0.06;
const EXITS = 4;

function placesOf(
  flat: Model,
  output: string,
  axes: RowAxes,
  cost: ModelCost,
  { exits = EXITS, exitAt }: AdaptOptions,
  file: string,
): ExitPlace[] {
  const all = findExitPlaces(flat, output, axes, ({ outputs }) => cost.nodes.get(outputs.find(Boolean) ?? '') ?? 0);
  const distinct = distinctPlaces(all);
  if (exitAt.length) return exitAt.map((name) => named(name, all, distinct)).sort((a, b) => a.share - b.share);
  const places = spreadPlaces(distinct, exits);
  if (places.length) return places;
  const why = distinct.some(({ share }) => share < 1)
    ? `those that it has lie outside of ${WITHIN.map(formatPercent).join(' to ')} of its work, where they see too little or save too little`
    : 'nowhere before its end does all that follows depend on one value';
  throw new UserError(`has no place for an exit: ${why}`, { file, mend: 'use --cascade with a smaller model' });
}

function named(name: string, all: readonly ExitPlace[], shown: readonly ExitPlace[]): ExitPlace {
  const place = all.find(({ value }) => value === name);
  if (place) return place;
  const names = all.map(({ value }) => value);
  const hint = didYouMean(name, names) || `; some are ${shown.map(({ value }) => value).join(', ')}`;
  throw new UserError(`no exit can be added behind '${name}'${hint}`, {
    file: '--exit-at',
    mend: 'name values that all that follows depends on',
  });
}

/** A copy with the sizes of a sample, where those of all samples are the same. */
function likeSample(flat: Model, { dataset, preprocessor }: TaskData, sample: NamedValues): Model {
  const isFixed = dataset.kind === 'image' || (preprocessor.clip?.pad && preprocessor.clip.length !== undefined);
  const copy = flat.clone();
  for (const info of isFixed ? copy.graph.inputs : []) {
    const sizes = sample[info.name]?.dims.slice(1);
    if (sizes && info.type?.kind === 'tensor') info.type = { ...info.type, shape: [info.type.shape?.[0], ...sizes] };
  }
  return copy;
}

/** What tells tokens from padding where moments of a place are tokens. */
function maskOf({ layout, value }: ExitPlace, { preprocessor }: TaskData, axes: RowAxes): TokenMask | undefined {
  const { text } = preprocessor;
  if (!text || layout.kind !== 'sequence' || layout.rank !== 3) return undefined;
  const tokens = axes.dimsOf(text.mask ?? text.ids)?.[1];
  if (tokens === undefined || axes.dimsOf(value)?.[1 - layout.rowAxis] !== tokens) return undefined;
  return text.mask === undefined ? { ids: text.ids, padding: text.padding.id } : { mask: text.mask };
}

/** @throws UserError where samples could not leave at exits, before anything is trained */
async function checkRouting(
  flat: Model,
  addTo: (trial: Model) => readonly Exit[],
  { output }: TaskData,
  form: ScoreForm,
): Promise<void> {
  const trial = flat.clone();
  const exits = addTo(trial);
  const thresholds = exits.slice(1).map(() => 0);
  await routeByConfidence(trial, exits, output, { form, measure: MEASURES[0], thresholds });
}

/** Puts heads into the model. @returns all exits, the model's own scores the last */
function addHeads(
  flat: Model,
  { model, inputs, outputs }: BuiltHeads,
  features: readonly ExitFeatures[],
  places: readonly ExitPlace[],
  { output }: TaskData,
  form: ScoreForm,
  axes: RowAxes,
): Exit[] {
  const nameOf = embed(flat, model, new Map(inputs.map((name, k) => [name, features[k]!.value])), 'exits');
  const exits = places.map(({ value }, k): Exit => {
    const scores = { value: nameOf(outputs[k]!), rank: 2, probabilities: false };
    return {
      ...{ name: `exit ${k + 1}`, after: value, temperature: 1 },
      scores: likeOutput(flat, scores, output, form, axes),
    };
  });
  flat.graph.sort();
  return [...exits, { name: 'last', scores: output, temperature: 1 }];
}
