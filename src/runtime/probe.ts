import { messageOf } from '../errors.js';
import { Model } from '../ir/model.js';
import { Node } from '../ir/node.js';
import { encodeModel } from '../onnx/write.js';
import type { Provider } from './protocol.js';
import { Session } from './session.js';

// A program: `node probe.js PROVIDER` runs a trivial model there and prints { error? } as JSON. It is a process of its
// own because providers write to stderr, and may end the process, where their libraries are incomplete.

/** x · x, for which every provider has a kernel. */
function trivialModel(): Uint8Array {
  const model = new Model();
  model.opsets.set('', 13);
  const type = { kind: 'tensor', elem: 'float32', shape: [2, 2] } as const;
  model.graph.name = 'probe';
  model.graph.inputs = [{ name: 'x', type }];
  model.graph.outputs = [{ name: 'y', type }];
  model.graph.nodes = [new Node({ op: 'MatMul', inputs: ['x', 'x'], outputs: ['y'] })];
  return encodeModel(model);
}

async function probe(provider: Provider): Promise<void> {
  const session = await Session.create(trivialModel(), { provider });
  const { y } = await session.run({ x: { type: 'float32', dims: [2, 2], data: Float32Array.of(1, 2, 3, 4) } });
  await session.release();
  const got = Array.from(y!.data as Float32Array);
  if (got.join() !== '7,10,15,22') throw new Error(`it computes ${got} where 7,10,15,22 is right`);
}

probe(process.argv[2] as Provider).then(
  () => process.stdout.write('{}'),
  (error) => process.stdout.write(JSON.stringify({ error: messageOf(error) })),
);
