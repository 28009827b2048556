import type { Model } from '../../../src/ir/model.js';
import { Tensor } from '../../../src/ir/tensor.js';
import { elementCount } from '../../../src/ir/types.js';
import { parseModel } from '../../../src/onnx/text.js';
import { seededRandom } from '../../../src/random.js';

/**
 * A model from text in which every float input of the graph but the one named x becomes an initializer of random numbers
 * from -1 to 1.
 */
export function modelWithWeights(text: string): Model {
  const model = parseModel(text);
  const { graph } = model;
  const random = seededRandom(1);
  graph.inputs = graph.inputs.filter(({ name, type }) => {
    if (name === 'x' || type?.kind !== 'tensor' || type.elem !== 'float32') return true;
    const dims = type.shape as number[];
    const values = Float32Array.from({ length: elementCount(dims) }, () => random() * 2 - 1);
    graph.initializers.set(name, Tensor.from(name, 'float32', dims, values));
    return false;
  });
  return model;
}
