import { Model } from '../ir/model.js';
import { Node } from '../ir/node.js';
import { Tensor } from '../ir/tensor.js';
import { encodeModel } from '../onnx/write.js';
import { optimizedGraph } from './kernels.js';

let known: Promise<number | undefined> | undefined;

/**
 * Channels per block of the layout that ONNX Runtime's CPU provider lays convolutions out in on this machine: 16 with
 * AVX-512, 8 with AVX; undefined where it has none. Found by letting it optimize a convolution of 4 filters, which it
 * rounds up to whole blocks.
 */
export function convolutionBlock(): Promise<number | undefined> {
  known ??= findBlock();
  return known;
}

async function findBlock(): Promise<number | undefined> {
  const optimized = await optimizedGraph(smallConvolution(), { threads: 1 });
  const convolution = optimized.graph.nodes.find((node) => node.type === 'com.microsoft.nchwc.Conv');
  return convolution && optimized.constant(convolution.inputs[1]!)?.dims[0];
}

function smallConvolution(): Uint8Array {
  const model = new Model();
  model.opsets.set('', 13);
  model.graph.name = 'probe';
  model.graph.inputs = [{ name: 'x', type: { kind: 'tensor', elem: 'float32', shape: [1, 1, 8, 8] } }];
  model.graph.outputs = [{ name: 'y', type: { kind: 'tensor', elem: 'float32', shape: [1, 4, 6, 6] } }];
  model.graph.initializers.set('w', Tensor.from('w', 'float32', [4, 1, 3, 3], new Float32Array(36).fill(1)));
  model.graph.nodes = [
    new Node({ op: 'Conv', inputs: ['x', 'w'], outputs: ['y'], attributes: { kernel_shape: [3, 3] } }),
  ];
  return encodeModel(model);
}
