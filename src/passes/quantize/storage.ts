import type { Model } from '../../ir/model.js';
import type { Node } from '../../ir/node.js';
import { encodeNumbers, Tensor } from '../../ir/tensor.js';
import { GraphBuilder } from './builder.js';
import { quantizeWeight, rangeOf } from './integers.js';

/** A table whose rows' rounding error lies this far below their signal takes one scale; others take one per row. */
const ONE_SCALE_DB = 30;

/**
 * Stores embedding tables as int8: Gather picks integer rows and only those are turned into floats, so the table is
 * never dequantized whole. One scale for the table, which is fastest, where that is precise enough; else one per row.
 * Changes `model` in place.
 */
export function quantizeEmbeddings(model: Model, nodes: ReadonlySet<Node>): void {
  const builder = new GraphBuilder(model);
  const tables = new Map<string, StoredTable>();
  for (const node of nodes) {
    const [name, ids] = node.inputs as [string, string];
    const table = tables.get(name) ?? storeTable(builder, model.graph.initializers.get(name)!);
    tables.set(name, table);
    const output = node.outputs[0]!;
    const rows = model.freshName(`${output}_int8`);
    node.inputs[0] = table.integers;
    node.outputs[0] = rows;
    if (table.perRow) {
      const [floats] = builder.node('Cast', [rows], `${output}_float`, { attributes: { to: 1 } }) as [string];
      const [scales] = builder.node('Gather', [table.scales, ids], `${output}_scale`) as [string];
      builder.node('Mul', [floats, scales], output, { output });
    } else {
      // Without a zero point ONNX Runtime, moving the node behind a Transpose, takes the integers for unsigned.
      const zero = builder.constant(Tensor.from(`${name}_zero_point`, 'int8', [], [0]));
      builder.node('DequantizeLinear', [rows, table.scales, zero], output, { output });
    }
  }
  model.graph.sort();
}

interface StoredTable {
  integers: string;
  scales: string;
  perRow: boolean;
}

function storeTable(builder: GraphBuilder, tensor: Tensor): StoredTable {
  const whole = quantizeWeight(tensor);
  const perRow = roundingSqnr(tensor, tensor.toFloats(), whole.data, whole.scales[0]!) < ONE_SCALE_DB;
  const { data, scales } = perRow ? quantizeWeight(tensor, { axis: 0 }) : whole;
  const { name, dims } = tensor;
  return {
    integers: builder.constant(Tensor.of(`${name}_int8`, 'int8', dims, data)),
    scales: builder.constant(Tensor.of(`${name}_scale`, 'float32', perRow ? [dims[0]!, 1] : [], scales)),
    perRow,
  };
}

/**
 * Signal to rounding noise of integers with one scale, in dB: of a table's rows on average, as every row is looked up by
 * itself and a small one can vanish beside large ones.
 */
function roundingSqnr({ dims }: Tensor, values: Float32Array, integers: Int8Array, scale: number): number {
  const [rows, width] = dims as [number, number];
  let filled = 0;
  let relativeNoise = 0;
  for (let start = 0; start < rows * width; start += width) {
    let [signal, noise] = [0, 0];
    for (let i = start; i < start + width; i++) {
      const v = values[i]!;
      signal += v * v;
      noise += (v - integers[i]! * scale) ** 2;
    }
    if (!signal) continue;
    filled++;
    relativeNoise += noise / signal;
  }
  return relativeNoise > 0 ? 10 * Math.log10(filled / relativeNoise) : Number.POSITIVE_INFINITY;
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

/** Largest magnitudes that float16 holds as they are: below 2^-8, its subnormal numbers would cost precision. */
const HALF_MAGNITUDES = { least: 2 ** -8, most: 65504 };

/**
 * Stores weights as float16 with a Cast behind them, which ONNX Runtime computes once when it loads the model: half
 * the size, the same speed and float32 arithmetic. Weights that float16 does not reach are divided by a power of two,
 * which a Mul undoes. Changes `model` in place.
 */
export function storeAsHalf(model: Model, names: ReadonlySet<string>): void {
  const builder = new GraphBuilder(model);
  for (const name of names) {
    const tensor = model.graph.initializers.get(name)!;
    model.graph.initializers.delete(name);
    const scale = halfScale(tensor.toFloats());
    const half = builder.constant(
      Tensor.lazy(`${name}_float16`, 'float16', tensor.dims, () =>
        encodeNumbers('float16', scale === 1 ? tensor.toFloats() : tensor.toFloats().map((v) => v / scale)),
      ),
    );
    if (scale === 1) builder.node('Cast', [half], name, { output: name, attributes: { to: 1 } });
    else {
      const [floats] = builder.node('Cast', [half], `${name}_float`, { attributes: { to: 1 } }) as [string];
      builder.node('Mul', [floats, builder.floats(`${name}_scale`, scale)], name, { output: name });
    }
  }
  model.graph.sort();
}

/** The power of two that weights are divided by before they become float16. */
function halfScale(values: Float32Array): number {
  const { low, high } = rangeOf(values);
  const most = Math.max(-low, high);
  const fits = most === 0 || (most >= HALF_MAGNITUDES.least && most <= HALF_MAGNITUDES.most);
  return fits || !Number.isFinite(most) ? 1 : 2 ** Math.max(-126, Math.ceil(Math.log2(most)));
}
