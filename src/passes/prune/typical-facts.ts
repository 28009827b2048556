import { inferFixedShapes } from '../../analysis/fixed-shapes.js';
import type { ValueFacts } from '../../analysis/value-types.js';
import type { Model } from '../../ir/model.js';
import type { CalibrationBatches } from '../quantize/calibrate.js';

/** Types and shapes of a model's values on batches of the size of the first. */
export async function typicalFacts(model: Model, batches: CalibrationBatches): Promise<Map<string, ValueFacts>> {
  for await (const feeds of batches())
    return inferFixedShapes(model, new Map(Object.entries(feeds).map(([name, { dims }]) => [name, dims])));
  throw new RangeError('there are no batches');
}
