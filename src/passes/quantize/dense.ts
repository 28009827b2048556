import type { Model } from '../../ir/model.js';
import type { Node } from '../../ir/node.js';
import { Tensor } from '../../ir/tensor.js';
import { GraphBuilder } from './builder.js';

/**
 * Replaces Gemm nodes (alpha and beta 1, constant weight) by MatMul and Add, transposing a weight where needed.
 * @returns the MatMul nodes that stand for `nodes`; a node that is no Gemm stands for itself.
 */
export function asMatMuls(model: Model, nodes: Iterable<Node>): Set<Node> {
  const builder = new GraphBuilder(model);
  const matMuls = new Set<Node>();
  for (const node of nodes) matMuls.add(node.type === 'Gemm' ? splitGemm(builder, node) : node);
  return matMuls;
}

function splitGemm(builder: GraphBuilder, node: Node): Node {
  const { model } = builder;
  const [, weight, bias] = node.inputs as [string, string, string?];
  const output = node.outputs[0]!;
  if (node.int('transB', 0)) node.inputs[1] = transposed(builder, weight);
  node.op = 'MatMul';
  node.attributes.clear();
  node.inputs.length = 2;
  if (bias) {
    const product = model.freshName(`${output}_product`);
    node.outputs[0] = product;
    builder.node('Add', [product, bias], output, { output });
  }
  return node;
}

function transposed(builder: GraphBuilder, name: string): string {
  const tensor = builder.model.graph.initializers.get(name)!;
  const [rows, columns] = tensor.dims as [number, number];
  const values = tensor.toFloats();
  const result = new Float32Array(values.length);
  for (let r = 0; r < rows; r++) for (let c = 0; c < columns; c++) result[c * rows + r] = values[r * columns + c]!;
  return builder.constant(Tensor.of(`${name}_transposed`, 'float32', [columns, rows], result));
}
