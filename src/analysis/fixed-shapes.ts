import type { ValueInfo } from '../ir/graph.js';
import type { Model } from '../ir/model.js';
import { inferSymbolicShapes } from './symbolic-shapes.js';
import type { ValueFacts } from './value-types.js';

/** Types and shapes of a model's values where inputs have these shapes. */
export async function inferFixedShapes(
  model: Model,
  inputs: ReadonlyMap<string, readonly number[]>,
): Promise<Map<string, ValueFacts>> {
  const fixed = model.clone();
  fixed.graph.inputs = fixed.graph.inputs.map((input): ValueInfo => {
    const shape = inputs.get(input.name);
    if (!shape || input.type?.kind !== 'tensor') return input;
    return { name: input.name, type: { ...input.type, shape } };
  });
  return (await inferSymbolicShapes(fixed)).facts;
}
