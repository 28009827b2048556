import type { Model } from '../../ir/model.js';
import type { Node } from '../../ir/node.js';
import { encodeNumbers, Tensor } from '../../ir/tensor.js';
import { GraphBuilder } from './builder.js';
import { quantizeWeight } from './integers.js';

/**
 * Stores embedding tables as int8: Gather picks integer rows and one DequantizeLinear behind it turns just those rows
 * into floats, so the table is never dequantized whole. One scale per embedding column. Changes `model` in place.
 */
export function quantizeEmbeddings(model: Model, nodes: ReadonlySet<Node>): void {
  const builder = new GraphBuilder(model);
  const tables = new Map<string, { integers: string; scales: Float32Array }>();
  for (const node of nodes) {
    const name = node.inputs[0]!;
    const known = tables.get(name);
    const table = known ?? quantizeTable(builder, model.graph.initializers.get(name)!);
    tables.set(name, table);
    const output = node.outputs[0]!;
    const rows = model.freshName(`${output}_int8`);
    node.inputs[0] = table.integers;
    node.outputs[0] = rows;
    const scale = builder.floats(`${name}_scale`, table.scales);
    builder.node('DequantizeLinear', [rows, scale], output, { output, attributes: { axis: -1 } });
  }
  model.graph.sort();
}

function quantizeTable(builder: GraphBuilder, tensor: Tensor) {
  const { data, scales } = quantizeWeight(tensor, { axis: tensor.dims.length - 1 });
  return { integers: builder.constant(Tensor.of(`${tensor.name}_int8`, 'int8', tensor.dims, data)), scales };
}

/** A constant input of a node that is stored smaller, with the axis of its scales (undefined: one scale). */
export interface StoredWeight {
  node: Node;
  input: number;
  axis: number | undefined;
}

/**
 * Stores weights as int8 with Cast and Mul behind them, which ONNX Runtime computes once when it loads the model: a
 * quarter of the size, the speed of float. (DequantizeLinear would be computed at every run.) Changes `model` in place.
 */
export function storeAsInt8(model: Model, weights: readonly StoredWeight[]): void {
  const builder = new GraphBuilder(model);
  const stored = new Map<string, string>();
  for (const { node, input, axis } of weights) {
    const name = node.inputs[input]!;
    const key = `${name} ${axis}`;
    node.inputs[input] = stored.get(key) ?? storedWeight(builder, model.graph.initializers.get(name)!, axis);
    stored.set(key, node.inputs[input]!);
  }
  model.graph.sort();
}

function storedWeight(builder: GraphBuilder, tensor: Tensor, axis: number | undefined): string {
  const { data, scales } = quantizeWeight(tensor, { axis });
  const integers = builder.constant(Tensor.of(`${tensor.name}_int8`, 'int8', tensor.dims, data));
  const dims = axis === undefined ? [] : tensor.dims.map((dim, i) => (i === axis ? dim : 1));
  const scale = builder.constant(Tensor.of(`${tensor.name}_scale`, 'float32', dims, scales));
  const [floats] = builder.node('Cast', [integers], `${tensor.name}_float`, { attributes: { to: 1 } }) as [string];
  return builder.node('Mul', [floats, scale], `${tensor.name}_restored`)[0]!;
}

/**
 * Stores weights as float16 with a Cast behind them, which ONNX Runtime computes once when it loads the model: half
 * the size, the same speed and float32 arithmetic. Changes `model` in place.
 */
export function storeAsHalf(model: Model, names: ReadonlySet<string>): void {
  const builder = new GraphBuilder(model);
  for (const name of names) {
    const tensor = model.graph.initializers.get(name)!;
    model.graph.initializers.delete(name);
    const half = builder.constant(
      Tensor.lazy(`${name}_float16`, 'float16', tensor.dims, () => encodeNumbers('float16', tensor.toFloats())),
    );
    builder.node('Cast', [half], name, { output: name, attributes: { to: 1 } });
  }
  model.graph.sort();
}
