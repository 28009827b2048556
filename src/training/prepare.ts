import { inferTypesWithBodies } from '../analysis/body-types.js';
import type { ValueFacts } from '../analysis/value-types.js';
import { UserError } from '../errors.js';
import { sumOf } from '../group.js';
import type { Model } from '../ir/model.js';
import type { DataType } from '../ir/types.js';
import { gradientRow } from '../ops/gradients/table.js';
import { castLikeToCast } from '../passes/cleanup/cast-like-to-cast.js';
import { commonSubexpressions } from '../passes/cleanup/common-subexpressions.js';
import { constantsToInitializers } from '../passes/cleanup/constants-to-initializers.js';
import { foldConstants } from '../passes/cleanup/fold-constants.js';
import { initializersOutOfInputs } from '../passes/cleanup/initializers-out-of-inputs.js';
import { removeDeadNodes } from '../passes/cleanup/remove-dead-nodes.js';
import { removeIdentities } from '../passes/cleanup/remove-identities.js';
import { fuse } from '../passes/fuse/fuse.js';
import { upgradeOpset } from '../passes/opset-upgrade/upgrade-opset.js';
import { type Pass, runPasses } from '../passes/pass.js';
import { unfuse } from '../passes/unfuse/unfuse.js';
import { findParameters, type Parameter } from './parameters.js';

/** The operator set that gradients are written in; newer models keep theirs. */
const OPSET = 18;

/** A model made ready for differentiation: what may be trained is an input, everything else is folded. */
export interface TrainableModel {
  /** The parameters are inputs of the main graph, declared with their shapes, and no longer constants. */
  model: Model;
  parameters: readonly Parameter[];
  facts: Map<string, ValueFacts>;
}

/**
 * Prepares a copy of a model for training. Parameters keep their names, so that trained values can be put back into the
 * original.
 * @param kept inner values that stay as they are, as outputs.
 * @throws UserError where the model has nothing to train, or most of its weights are not float32
 */
export async function prepareForTraining(original: Model, kept: readonly string[] = []): Promise<TrainableModel> {
  const model = withOutputs(original, kept);
  await runPasses(model, [initializersOutOfInputs]);
  const parameters = findParameters(model);
  checkWeights(model, parameters);
  return makeTrainable(model, parameters);
}

/** Makes inputs of constants that are to be trained, and folds everything else. Changes `model` in place. */
export async function makeTrainable(model: Model, parameters: readonly Parameter[]): Promise<TrainableModel> {
  await runPasses(model, [constantsToInitializers]);
  if (model.opset < OPSET) await runPasses(model, [upgradeOpset(OPSET)]);
  for (const { name, tensor } of parameters) {
    model.graph.initializers.delete(name);
    model.graph.inputs.push({ name, type: { kind: 'tensor', elem: 'float32', shape: tensor.dims } });
  }
  await runPasses(model, TO_NORMAL_FORM);
  return { model, parameters, facts: await inferTypesWithBodies(model) };
}

/** Passes that write what exporters write in many ways in one: operators that gradients and analyses know. */
const TO_NORMAL_FORM: readonly Pass[] = [
  unfuse((type) => gradientRow(type) !== undefined),
  ...[castLikeToCast, foldConstants, removeDeadNodes, removeIdentities, commonSubexpressions, fuse, removeDeadNodes],
];

/** A copy of a model in the form that `prepareForTraining` gives it, its weights still constants. */
export async function normalForm(original: Model, kept: readonly string[] = []): Promise<Model> {
  const model = withOutputs(original, kept);
  await runPasses(model, [initializersOutOfInputs, constantsToInitializers]);
  if (model.opset < OPSET) await runPasses(model, [upgradeOpset(OPSET)]);
  await runPasses(model, TO_NORMAL_FORM);
  return model;
}

/** A copy of a model with further outputs. */
export function withOutputs(original: Model, names: readonly string[]): Model {
  const model = original.clone();
  const { outputs } = model.graph;
  const known = new Set(outputs.map(({ name }) => name));
  for (const name of new Set(names)) if (!known.has(name)) outputs.push({ name });
  return model;
}

/** A model some of whose parameters stay as they are: constants again, which ONNX Runtime may lay out as it likes. */
export function freezeParameters(
  { model: prepared, parameters, facts }: TrainableModel,
  isFrozen: (parameter: Parameter) => boolean,
): TrainableModel {
  const model = prepared.clone();
  const { graph } = model;
  const frozen = parameters.filter(isFrozen);
  const names = new Set(frozen.map(({ name }) => name));
  graph.inputs = graph.inputs.filter(({ name }) => !names.has(name));
  for (const { name, tensor } of frozen) graph.initializers.set(name, tensor);
  return { model, parameters: parameters.filter(({ name }) => !names.has(name)), facts };
}

const QUANTIZED: readonly DataType[] = ['int8', 'uint8', 'int4', 'uint4'];
const OTHER_FLOATS: readonly DataType[] = ['float16', 'bfloat16', 'float64'];

/** @throws UserError where no parameters were found, or where most of the weights are of a type without gradients */
function checkWeights(model: Model, parameters: readonly Parameter[]): void {
  const file = model.source?.path;
  const elements = sumOf(parameters, ({ tensor }) => tensor.size);
  const larger = largestType(model, elements);
  if (larger && QUANTIZED.includes(larger))
    throw new UserError('has quantized weights, which gradients do not reach', {
      file,
      mend: 'train the float model that it was made from, and quantize the result',
    });
  if (larger)
    throw new UserError(`has ${larger} weights; training needs float32`, { file, mend: 'export it in float32' });
  if (!elements)
    throw new UserError('has no weights that could be trained', { file, mend: 'see nncompress inspect --gradients' });
}

/** The type, of those without gradients, whose constants hold the most elements, and more than there are of others. */
function largestType(model: Model, others: number): DataType | undefined {
  const elements = new Map<DataType, number>();
  for (const { type, size } of model.constants().values())
    if (size > 1 && [...QUANTIZED, ...OTHER_FLOATS].includes(type))
      elements.set(type, (elements.get(type) ?? 0) + size);
  const [largest] = [...elements].sort((a, b) => b[1] - a[1]);
  return largest && largest[1] > others ? largest[0] : undefined;
}
