import { type Scope, scopes } from '../../analysis/scopes.js';
import { inferValueTypes, type ValueFacts } from '../../analysis/value-types.js';
import type { Graph, GraphIndex } from '../../ir/graph.js';
import type { Model } from '../../ir/model.js';
import type { Node } from '../../ir/node.js';
import { Tensor } from '../../ir/tensor.js';
import type { Pass } from '../pass.js';
import { type Affine, affineOf, compose, isPerChannel } from './affine.js';
import { allowPlainInitializers } from './initializers-out-of-inputs.js';
import { convInputAt, LINEAR, type LinearRow, scaledWeight } from './linear.js';

/** Weight types that can be computed with here. */
const COMPUTED = new Set(['float32', 'float64', 'float16']);

/**
 * Folds batch normalization, and multiplication, addition, subtraction and division by a constant per channel, into the
 * weights of the Conv, ConvTranspose, Gemm or MatMul before it; and into those of an unpadded Conv behind it (Jacob et
 * al. 2018, Quantization and Training of Neural Networks for Efficient Integer-Arithmetic-Only Inference, section 3.2).
 * A normalization beside neither of them stays.
 */
export const foldBatchNorm: Pass = {
  name: 'fold-batch-norm',
  description: 'Batch normalization and scaling per channel become part of the weights beside them',
  async run(model) {
    const hasMatMul = model.graph.nodes.some((node) => node.type === 'MatMul');
    const facts = hasMatMul ? await inferValueTypes(model) : new Map<string, ValueFacts>();
    let changed = 0;
    for (const scope of scopes(model)) {
      changed += sweep(new Folding(model, scope, facts), foldBehind);
      let step: number;
      do {
        step = sweep(new Folding(model, scope, facts), foldBefore);
        changed += step;
      } while (step);
    }
    if (changed) allowPlainInitializers(model);
    return { changed };
  },
};

function sweep(folding: Folding, direction: (folding: Folding, node: Node) => boolean): number {
  let changed = 0;
  for (const node of folding.graph.nodes) if (!folding.gone.has(node) && direction(folding, node)) changed++;
  folding.graph.removeNodes(folding.gone);
  return changed;
}

/** What one sweep over a graph knows. */
class Folding {
  readonly gone = new Set<Node>();
  readonly index: GraphIndex;

  constructor(
    private readonly model: Model,
    private readonly scope: Scope,
    private readonly facts: ReadonlyMap<string, ValueFacts>,
  ) {
    this.index = scope.graph.index();
  }

  get graph(): Graph {
    return this.scope.graph;
  }

  constant = (name: string | undefined): Tensor | undefined => this.scope.constant(name);

  rankOf(name: string): number | undefined {
    return this.scope.isMain ? this.facts.get(name)?.dims?.length : undefined;
  }

  /** The node that alone takes a value, which is no output of the graph. */
  soleConsumer(name: string): Node | undefined {
    const users = this.index.consumers.get(name);
    return users?.length === 1 && !this.index.outputs.has(name) ? users[0] : undefined;
  }

  /** The weight of a linear node, where it can be changed. */
  weightOf(node: Node): Tensor | undefined {
    const weight = this.constant(node.inputs[1]);
    const least = node.type === 'Conv' || node.type === 'ConvTranspose' ? 3 : 2;
    return weight && COMPUTED.has(weight.type) && weight.dims.length >= least && weight.size ? weight : undefined;
  }

  /** Puts a constant in the place of a node's input: under the same name where nothing else takes that. */
  put(node: Node, input: number, tensor: Tensor): void {
    const { graph } = this;
    const name = node.inputs[input];
    const isOwn = name && graph.initializers.has(name) && this.soleConsumer(name) && countOf(node.inputs, name) === 1;
    if (isOwn) graph.initializers.set(name, tensor.renamed(name));
    else node.inputs[input] = this.model.addInitializer(tensor.renamed(name || `${node.label}_bias`), graph);
  }
}

/** Folds what follows a linear node into its weights. */
function foldBehind(folding: Folding, node: Node): boolean {
  const row = LINEAR[node.type];
  const weight = row && folding.weightOf(node);
  if (!row || !weight || (node.type === 'MatMul' && weight.dims.length !== 2)) return false;
  const channels = row.channels(node, weight);
  const bias = row.bias ? biasOf(folding, node, channels) : new Float64Array(1);
  if (!bias) return false;
  const chain = chainBehind(folding, node, row, weight, channels);
  const map = chain.map((step) => step.map).reduce<Affine | undefined>((a, b) => (a ? compose(a, b) : b), undefined);
  if (!map || (!row.bias && chain.every((step) => step.map.scale.every((value) => value === 1)))) return false;
  folding.put(node, 1, scaledWeight(weight, map.scale, row.channelAt(node, weight)));
  const shift = Float64Array.from(
    { length: channels },
    (_, c) => bias[c % bias.length]! * at(map.scale, c) + at(map.shift, c),
  );
  const last = chain.at(-1)!.node;
  for (const step of chain) folding.gone.add(step.node);
  if (row.bias) setBias(folding, node, vector(weight, shift));
  if (row.bias || shift.every((value) => value === 0)) node.outputs[0] = last.outputs[0]!;
  else {
    folding.gone.delete(last);
    becomeAdd(folding, last, node.outputs[0]!, vector(weight, shift));
  }
  return true;
}

function chainBehind(folding: Folding, node: Node, row: LinearRow, weight: Tensor, channels: number) {
  const chain: { node: Node; map: Affine }[] = [];
  const rank = row.rank?.(weight) ?? folding.rankOf(node.outputs[0]!);
  for (let value = node.outputs[0]!; ; value = chain.at(-1)!.node.outputs[0]!) {
    const next = folding.soleConsumer(value);
    const map = next && affineOf(next, folding.constant);
    if (!next || !map || !isPerChannel(map, rank, row.axis, channels)) return chain;
    chain.push({ node: next, map });
  }
}

/** Folds a map into the Conv that alone takes its result and pads nothing (padding is not mapped). */
function foldBefore(folding: Folding, node: Node): boolean {
  const map = affineOf(node, folding.constant);
  const conv = map && folding.soleConsumer(node.outputs[0]!);
  if (!map || conv?.type !== 'Conv' || conv.inputs[0] !== node.outputs[0]) return false;
  const weight = folding.weightOf(conv);
  if (!weight || !isPerChannel(map, weight.dims.length, 1, weight.dims[1]! * conv.int('group', 1))) return false;
  if (isPadded(conv) && map.shift.some((value) => value !== 0)) return false;
  const channels = weight.dims[0]!;
  const bias = biasOf(folding, conv, channels);
  if (!bias) return false;
  const inputAt = convInputAt(conv, weight);
  const outputAt = LINEAR.Conv!.channelAt(conv, weight);
  const shift = Float64Array.from({ length: channels }, (_, c) => bias[c % bias.length]!);
  const values = weight.type === 'float64' ? weight.toNumbers() : weight.toFloats();
  for (let i = 0; i < values.length; i++) shift[outputAt(i)]! += values[i]! * at(map.shift, inputAt(i));
  folding.put(conv, 1, scaledWeight(weight, map.scale, inputAt));
  setBias(folding, conv, vector(weight, shift));
  conv.inputs[0] = map.input;
  folding.gone.add(node);
  return true;
}

function isPadded(conv: Node): boolean {
  const auto = conv.string('auto_pad', 'NOTSET');
  return auto.startsWith('SAME') || (auto === 'NOTSET' && (conv.ints('pads') ?? []).some((pad) => pad !== 0));
}

/** The bias of a linear node per channel, 0 where it has none; undefined where it is no constant per channel. */
function biasOf(folding: Folding, node: Node, channels: number): Float64Array | undefined {
  if (!node.inputs[2]) return new Float64Array(1);
  const tensor = folding.constant(node.inputs[2]);
  if (!tensor || (tensor.size !== 1 && (tensor.size !== channels || tensor.dims.at(-1) !== channels))) return undefined;
  const beta = node.type === 'Gemm' ? node.float('beta', 1) : 1;
  return tensor.toNumbers().map((value) => value * beta);
}

/** Sets the bias of a node as it is to be added; a Gemm's factor for it becomes 1. */
function setBias(folding: Folding, node: Node, bias: Tensor): void {
  if (node.type === 'Gemm') node.set('beta', undefined);
  folding.put(node, 2, bias);
}

function becomeAdd(folding: Folding, node: Node, input: string, bias: Tensor): void {
  node.op = 'Add';
  node.attributes.clear();
  node.inputs = [input, ''];
  folding.put(node, 1, bias);
}

function vector(like: Tensor, values: Float64Array): Tensor {
  return Tensor.from('', like.type, [values.length], values);
}

function at(list: Float64Array, channel: number): number {
  return list[list.length === 1 ? 0 : channel]!;
}

function countOf<T>(list: readonly T[], item: T): number {
  return list.filter((entry) => entry === item).length;
}
