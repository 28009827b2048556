import { Model } from '../ir/model.js';
import { Node } from '../ir/node.js';
import { DATA_TYPES } from '../ir/types.js';
import { encodeModel } from '../onnx/write.js';
import type { Provider } from './protocol.js';
import { Session } from './session.js';

/** x · x between Casts, for which every provider has kernels. */
function trivialModel(type: 'float32' | 'float16'): Uint8Array {
  const model = new Model();
  model.opsets.set('', 13);
  const declared = { kind: 'tensor', elem: 'float32', shape: [2, 2] } as const;
  const cast = (input: string, output: string, to: 'float32' | 'float16') =>
    new Node({ op: 'Cast', inputs: [input], outputs: [output], attributes: { to: DATA_TYPES[to].code } });
  model.graph.name = 'probe';
  model.graph.inputs = [{ name: 'x', type: declared }];
  model.graph.outputs = [{ name: 'y', type: declared }];
  model.graph.nodes = [
    cast('x', 'a', type),
    new Node({ op: 'MatMul', inputs: ['a', 'a'], outputs: ['b'] }),
    cast('b', 'y', 'float32'),
  ];
  return encodeModel(model);
}

/**
 * Runs a trivial model on a provider.
 * @throws UserError where the provider, or its arithmetic in this type, is missing; Error where it computes wrong values
 */
export async function runTrivialModel(provider: Provider, type: 'float32' | 'float16' = 'float32'): Promise<void> {
  const session = await Session.create(trivialModel(type), { provider });
  const { y } = await session.run({ x: { type: 'float32', dims: [2, 2], data: Float32Array.of(1, 2, 3, 4) } });
  await session.release();
  const got = Array.from(y!.data as Float32Array);
  if (got.join() !== '7,10,15,22') throw new Error(`it computes ${got} where 7,10,15,22 is right`);
}
