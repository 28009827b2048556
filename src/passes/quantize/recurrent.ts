import type { Model } from '../../ir/model.js';
import { Node } from '../../ir/node.js';
import { Tensor } from '../../ir/tensor.js';
import { GraphBuilder } from './builder.js';
import { quantizeWeight } from './integers.js';

/**
 * Turns LSTM nodes with constant weights into com.microsoft.DynamicQuantizeLSTM: int8 weights, transposed to
 * [directions, input, 4·hidden], one scale per column. Changes `model` in place.
 */
export function quantizeLstms(model: Model, nodes: ReadonlySet<Node>, options: { perChannel: boolean }): void {
  const builder = new GraphBuilder(model);
  for (const node of nodes) {
    const [x, w, r, b = '', lengths = '', h0 = '', c0 = '', p = ''] = node.inputs;
    const weight = quantizeGates(builder, model.graph.initializers.get(w!)!, options.perChannel);
    const recurrence = quantizeGates(builder, model.graph.initializers.get(r!)!, options.perChannel);
    const replacement = new Node({
      op: 'DynamicQuantizeLSTM',
      domain: 'com.microsoft',
      name: node.name,
      inputs: [x!, weight.data, recurrence.data, b, lengths, h0, c0, p, ...weight.params, ...recurrence.params],
      outputs: node.outputs,
    });
    replacement.attributes = new Map(node.attributes);
    replacement.attributes.delete('layout');
    model.graph.nodes[model.graph.nodes.indexOf(node)] = replacement;
  }
  if (nodes.size && !model.opsets.has('com.microsoft')) model.opsets.set('com.microsoft', 1);
}

/** [directions, 4·hidden, k] float → [directions, k, 4·hidden] int8 with scales [directions, 4·hidden]. */
function quantizeGates(builder: GraphBuilder, tensor: Tensor, perChannel: boolean) {
  const [directions, gates, k] = tensor.dims as [number, number, number];
  const transposed = transposeLast(tensor.toFloats(), directions, gates, k);
  const data = new Int8Array(transposed.length);
  const scales = new Float32Array(directions * (perChannel ? gates : 1));
  for (let d = 0; d < directions; d++) {
    const part = transposed.subarray(d * k * gates, (d + 1) * k * gates);
    const quantized = quantizeWeight(Tensor.of('', 'float32', [k, gates], part), { axis: perChannel ? 1 : undefined });
    data.set(quantized.data, d * k * gates);
    scales.set(quantized.scales, d * quantized.scales.length);
  }
  const dims = perChannel ? [directions, gates] : [directions];
  const name = tensor.name;
  return {
    data: builder.constant(Tensor.of(`${name}_int8`, 'int8', [directions, k, gates], data)),
    params: [
      builder.constant(Tensor.of(`${name}_scale`, 'float32', dims, scales)),
      builder.constant(Tensor.of(`${name}_zero_point`, 'int8', dims, new Int8Array(scales.length))),
    ],
  };
}

function transposeLast(values: Float32Array, count: number, rows: number, columns: number): Float32Array {
  const result = new Float32Array(values.length);
  for (let n = 0, at = 0; n < count; n++)
    for (let c = 0; c < columns; c++)
      for (let r = 0; r < rows; r++) result[at++] = values[(n * rows + r) * columns + c]!;
  return result;
}
