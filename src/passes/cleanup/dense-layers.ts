import { inferValueTypes } from '../../analysis/value-types.js';
import type { Model } from '../../ir/model.js';
import { Node } from '../../ir/node.js';
import { Tensor } from '../../ir/tensor.js';
import type { Pass } from '../pass.js';
import { allowPlainInitializers } from './initializers-out-of-inputs.js';
import { scaledWeight } from './linear.js';

/** Element types that factors can be multiplied into. */
const SCALABLE = new Set(['float32', 'float64', 'float16']);

/**
 * MatMul by a constant matrix and Add of a constant vector, on values of two dimensions, become Gemm. The factors of
 * Gemm nodes that there are become part of their constants.
 */
export const matMulAddToGemm: Pass = {
  name: 'matmul-add-to-gemm',
  description: 'Dense layers on two dimensions become Gemm',
  async run(model) {
    const { graph } = model;
    const dense = new DenseLayers(model);
    let changed = graph.nodes.filter((node) => node.type === 'Gemm' && dense.absorbFactors(node)).length;
    const pairs = graph.nodes.flatMap((node) => {
      const add = node.type === 'MatMul' ? dense.biasAdd(node) : undefined;
      return add ? [{ matMul: node, add }] : [];
    });
    const facts = pairs.length ? await inferValueTypes(model) : undefined;
    const gone = new Set<Node>();
    for (const { matMul, add } of pairs) {
      if (facts?.get(matMul.inputs[0]!)?.dims?.length !== 2) continue;
      const bias = add.inputs[add.inputs[0] === matMul.outputs[0] ? 1 : 0]!;
      matMul.op = 'Gemm';
      matMul.inputs.push(bias);
      matMul.outputs = [...add.outputs];
      gone.add(add);
    }
    graph.removeNodes(gone);
    changed += gone.size;
    return { changed };
  },
};

/**
 * Gemm with a constant matrix becomes MatMul and Add: a transposed weight is stored as it is used, factors become part
 * of the constants. Gemm nodes that transpose their first input, or scale a bias that is no constant, stay.
 */
export const gemmToMatMulAdd: Pass = {
  name: 'gemm-to-matmul-add',
  description: 'Gemm becomes MatMul and Add',
  run: (model) => ({ changed: gemmsToMatMuls(model, () => true).size }),
};

/**
 * Replaces those Gemm nodes of the main graph that are wanted and can be, as `gemmToMatMulAdd` says.
 * @returns the MatMul that stands for each replaced Gemm
 */
export function gemmsToMatMuls(model: Model, wanted: (node: Node) => boolean): Map<Node, Node> {
  const { graph } = model;
  const dense = new DenseLayers(model);
  const replaced = new Map<Node, Node>();
  graph.nodes = graph.nodes.flatMap((node) => {
    if (node.type !== 'Gemm' || !wanted(node) || !dense.toPlain(node)) return [node];
    const parts = split(model, node);
    replaced.set(node, parts[0]);
    return parts;
  });
  if (replaced.size) allowPlainInitializers(model);
  return replaced;
}

function split(model: Model, node: Node): [Node, ...Node[]] {
  const [input, weight, bias] = node.inputs as [string, string, string?];
  const [output] = node.outputs as [string];
  const product = bias ? model.freshName(`${output}_product`) : output;
  const matMul = new Node({ op: 'MatMul', name: node.name, inputs: [input, weight], outputs: [product] });
  if (!bias) return [matMul];
  const name = model.freshName(`${node.label}_bias`);
  return [matMul, new Node({ op: 'Add', name, inputs: [product, bias], outputs: [output] })];
}

/** Dense layers of a model's main graph, and their constants. */
class DenseLayers {
  private readonly constants: ReadonlyMap<string, Tensor>;
  private readonly index;
  private readonly derived = new Map<string, string>();

  constructor(private readonly model: Model) {
    this.constants = model.constants();
    this.index = model.graph.index();
  }

  constant(name: string | undefined): Tensor | undefined {
    return name ? (this.constants.get(name) ?? this.model.graph.initializers.get(name)) : undefined;
  }

  /** The Add of a constant per column that alone takes what a MatMul by a constant matrix makes. */
  biasAdd(matMul: Node): Node | undefined {
    const weight = this.constant(matMul.inputs[1]);
    const users = this.index.consumers.get(matMul.outputs[0]!);
    const add = users?.length === 1 && !this.index.outputs.has(matMul.outputs[0]!) ? users[0] : undefined;
    if (weight?.dims.length !== 2 || add?.type !== 'Add') return undefined;
    const bias = add.inputs.map((name) => this.constant(name)).find((tensor) => tensor);
    const fits = bias && bias.size === weight.dims[1] && bias.dims.length <= 2 && bias.dims.at(-1) === weight.dims[1];
    return fits ? add : undefined;
  }

  /** Multiplies a Gemm's factors into its constants. @returns false where there is nothing to do or it cannot be. */
  absorbFactors(node: Node): boolean {
    const [alpha, beta] = [node.float('alpha', 1), node.float('beta', 1)];
    const [weight, bias] = [this.constant(node.inputs[1]), this.constant(node.inputs[2])];
    const scalesWeight = alpha !== 1;
    const scalesBias = beta !== 1 && Boolean(node.inputs[2]);
    if (!scalesWeight && !scalesBias) return false;
    if (scalesWeight && !(weight && SCALABLE.has(weight.type))) return false;
    if (scalesBias && !(bias && SCALABLE.has(bias.type))) return false;
    if (scalesWeight) node.inputs[1] = this.derive(node.inputs[1]!, `scaled ${alpha}`, () => scaled(weight!, alpha));
    if (scalesBias) node.inputs[2] = this.derive(node.inputs[2]!, `scaled ${beta}`, () => scaled(bias!, beta));
    node.set('alpha', undefined);
    node.set('beta', undefined);
    return true;
  }

  /** Takes factors and transposition out of a Gemm. @returns false where it must stay as it is. */
  toPlain(node: Node): boolean {
    if (node.int('transA', 0) || !this.constant(node.inputs[1])) return false;
    const plain = node.float('alpha', 1) === 1 && (node.float('beta', 1) === 1 || !node.inputs[2]);
    if (!plain && !this.absorbFactors(node)) return false;
    if (node.int('transB', 0)) this.transposeWeight(node);
    return true;
  }

  /** Has a Gemm take its weight in the order in which MatMul takes it; layers that share a weight share the result. */
  transposeWeight(node: Node): void {
    node.inputs[1] = this.derive(node.inputs[1]!, 'transposed', () => transposed(this.constant(node.inputs[1])!));
    node.set('transB', undefined);
  }

  private derive(name: string, how: string, compute: () => Tensor): string {
    const key = `${how} ${name}`;
    const known = this.derived.get(key);
    if (known !== undefined) return known;
    const derived = this.model.addInitializer(compute());
    this.derived.set(key, derived);
    return derived;
  }
}

function scaled(tensor: Tensor, factor: number): Tensor {
  return scaledWeight(tensor, Float64Array.of(factor), () => 0).renamed(`${tensor.name}_scaled`);
}

/** The transpose of a matrix of whole-byte elements; rows are gone through in blocks, which stay in the cache. */
function transposed(tensor: Tensor): Tensor {
  const [rows, columns] = tensor.dims as [number, number];
  const source = tensor.values();
  const target = source.slice();
  const BLOCK = 32;
  for (let top = 0; top < rows; top += BLOCK)
    for (let c = 0; c < columns; c++)
      for (let r = top; r < Math.min(top + BLOCK, rows); r++) target[c * rows + r] = source[r * columns + c]!;
  return Tensor.of(`${tensor.name}_transposed`, tensor.type, [columns, rows], target);
}
