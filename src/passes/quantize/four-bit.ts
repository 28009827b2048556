import type { Model } from '../../ir/model.js';
import type { Node } from '../../ir/node.js';
import { Tensor } from '../../ir/tensor.js';
import { GraphBuilder } from './builder.js';
import { roundEven } from './integers.js';

/**
 * Turns MatMul nodes with a constant [K, N] right side into com.microsoft.MatMulNBits: 4-bit weights, one scale for
 * each block of `blockSize` rows in a column, zero point 8. Changes `model` in place.
 */
export function quantizeToFourBits(model: Model, nodes: ReadonlySet<Node>, blockSize: number): void {
  const builder = new GraphBuilder(model);
  const stored = new Map<string, string[]>();
  for (const node of nodes) {
    const [activation, name] = node.inputs as [string, string];
    const weight = model.graph.initializers.get(name)!;
    const [k, n] = weight.dims as [number, number];
    const constants = stored.get(name) ?? storedBlocks(builder, weight, blockSize);
    stored.set(name, constants);
    const output = node.outputs[0]!;
    builder.node('MatMulNBits', [activation, ...constants], output, {
      name: node.name,
      output,
      domain: 'com.microsoft',
      attributes: { K: k, N: n, bits: 4, block_size: blockSize, accuracy_level: 4 },
    });
  }
  model.graph.removeNodes(nodes);
  model.graph.sort();
}

function storedBlocks(builder: GraphBuilder, weight: Tensor, blockSize: number): string[] {
  const [k, n] = weight.dims as [number, number];
  const blocks = Math.ceil(k / blockSize);
  const { data, scales } = packBlocks(weight.toFloats(), k, n, blockSize);
  return [
    builder.constant(Tensor.of(`${weight.name}_int4`, 'uint8', [n, blocks, blockSize / 2], data)),
    builder.constant(Tensor.of(`${weight.name}_scale`, 'float32', [n * blocks], scales)),
  ];
}

/** Column-wise blocks, two integers a byte, low nibble first; the scale is signed so that the extreme becomes −8. */
function packBlocks(values: Float32Array, k: number, n: number, blockSize: number) {
  const blocks = Math.ceil(k / blockSize);
  const data = new Uint8Array((n * blocks * blockSize) / 2).fill(0x88);
  const scales = new Float32Array(n * blocks);
  for (let column = 0; column < n; column++)
    for (let block = 0; block < blocks; block++) {
      const first = block * blockSize;
      const last = Math.min(first + blockSize, k);
      let extreme = 0;
      for (let row = first; row < last; row++) {
        const v = values[row * n + column]!;
        if (Math.abs(v) > Math.abs(extreme)) extreme = v;
      }
      const scale = extreme / -8;
      const index = column * blocks + block;
      scales[index] = scale;
      if (!scale) continue;
      for (let row = first; row < last; row++) {
        const q = Math.min(15, Math.max(0, roundEven(values[row * n + column]! / scale) + 8));
        const at = index * blockSize + (row - first);
        data[at >> 1] = at & 1 ? (data[at >> 1]! & 0x0f) | (q << 4) : (data[at >> 1]! & 0xf0) | q;
      }
    }
  return { data, scales };
}
