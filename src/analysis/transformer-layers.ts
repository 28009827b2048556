import type { Model } from '../ir/model.js';
import type { Node } from '../ir/node.js';
import { computedValues } from './computed-values.js';
import type { ValueFacts } from './value-types.js';

/** What the layers of a transformer compute, in the order of the graph. */
export interface TransformerLayers {
  /** Attention distributions, `[rows, heads, queries, keys]` or `[rows · heads, queries, keys]`. */
  attentions: string[];
  /**
   * Hidden states as layer normalization leaves them, `[rows, tokens, width]` or `[tokens, rows, width]`: what the
   * attention of each layer takes, and what the last layer ends in.
   */
  hiddenStates: string[];
}

const NORMALIZATIONS = new Set([
  ...['LayerNormalization', 'RMSNormalization', 'SimplifiedLayerNormalization'],
  ...['com.microsoft.SkipLayerNormalization', 'com.microsoft.SkipSimplifiedLayerNormalization'],
  'com.microsoft.EmbedLayerNormalization',
]);

/** Operators that compute attention from projected or plain hidden states at once. */
const FUSED_ATTENTION = new Set([
  ...['Attention', 'com.microsoft.Attention', 'com.microsoft.MultiHeadAttention', 'com.microsoft.QAttention'],
  ...['com.microsoft.PackedAttention', 'com.microsoft.GroupQueryAttention', 'com.microsoft.DecoderMaskedSelfAttention'],
]);

const SIZES = new Set(['Shape', 'Size']);

const PRODUCTS = new Set(['MatMul', 'Einsum', 'com.microsoft.FusedMatMul', 'com.microsoft.TransposeMatMul']);

/** What lies between the product of queries and keys, the softmax, and the product with the values. */
const BETWEEN = new Set([
  ...['Add', 'Sub', 'Mul', 'Div', 'Where', 'Cast', 'Reshape', 'Identity', 'Dropout', 'Clip', 'Max', 'Min', 'Tanh'],
  ...['Squeeze', 'Unsqueeze', 'QuantizeLinear', 'DequantizeLinear', 'Slice'],
]);

/**
 * Finds attention by its form, whatever made it: a softmax over the last axis between a product of two computed values
 * and another product; and the layer normalization nearest before each.
 * @param facts ranks of the values, as far as they are known.
 */
export function transformerLayers(model: Model, facts: ReadonlyMap<string, ValueFacts>): TransformerLayers {
  const { graph } = model;
  graph.sort();
  const around = new Surroundings(model, facts);
  const attention = graph.nodes.filter((node) => FUSED_ATTENTION.has(node.type) || around.isAttention(node));
  const isState = (node: Node) => around.isNormalization(node) && around.rankOf(node.outputs[0]!) === 3;
  const states = attention.flatMap((node) => around.nearest(node, isState)?.outputs[0] ?? []);
  const order = new Map(graph.nodes.map((node, place) => [node, place]));
  const lastAttention = order.get(attention.at(-1)!) ?? Number.POSITIVE_INFINITY;
  const after = graph.nodes.filter((node) => isState(node) && order.get(node)! > lastAttention);
  if (states.length) states.push(...after.slice(-1).map(({ outputs }) => outputs[0]!));
  return {
    attentions: attention.filter(({ type }) => type === 'Softmax').map(({ outputs }) => outputs[0]!),
    hiddenStates: [...new Set(states)],
  };
}

/** What is asked about the nodes around one. */
class Surroundings {
  private readonly index;
  private readonly computed;

  constructor(
    { graph }: Model,
    private readonly facts: ReadonlyMap<string, ValueFacts>,
  ) {
    this.index = graph.index();
    this.computed = computedValues(graph);
  }

  rankOf(name: string): number | undefined {
    return this.facts.get(name)?.dims?.length;
  }

  /** A layer normalization, as one operator or, where it has no scale, as what it ends in: (x − mean) / √variance. */
  isNormalization({ type, inputs }: Node): boolean {
    const madeBy = (place: number) => this.index.producer.get(inputs[place]!)?.type;
    return NORMALIZATIONS.has(type) || (type === 'Div' && madeBy(0) === 'Sub' && madeBy(1) === 'Sqrt');
  }

  isAttention(node: Node): boolean {
    if (node.type !== 'Softmax') return false;
    const rank = this.rankOf(node.outputs[0]!);
    const axis = node.int('axis', -1);
    if (rank === undefined || rank < 3 || rank > 4 || (axis !== -1 && axis !== rank - 1)) return false;
    const isProduct = ({ type, inputs }: Node) =>
      PRODUCTS.has(type) && inputs.slice(0, 2).every((name) => this.computed.has(name));
    return (
      this.nearest(node, isProduct, (between) => BETWEEN.has(between.type)) !== undefined &&
      this.leadsTo(node, isProduct)
    );
  }

  /** The nearest node, of those that a node is computed from, that is of a kind; what sizes come from does not count. */
  nearest(node: Node, isWanted: (node: Node) => boolean, passes = (_: Node) => true): Node | undefined {
    const seen = new Set<Node>([node]);
    for (const at of seen) {
      if (at !== node && isWanted(at)) return at;
      if (at !== node && !passes(at)) continue;
      for (const name of at.inputs) {
        const source = this.index.producer.get(name);
        if (source && this.computed.has(name) && !SIZES.has(source.type)) seen.add(source);
      }
    }
    return undefined;
  }

  private leadsTo(node: Node, isWanted: (node: Node) => boolean): boolean {
    const seen = new Set<Node>([node]);
    for (const at of seen) {
      if (at !== node && isWanted(at)) return true;
      if (at !== node && !BETWEEN.has(at.type)) continue;
      for (const output of at.outputs) for (const user of this.index.consumers.get(output) ?? []) seen.add(user);
    }
    return false;
  }
}
