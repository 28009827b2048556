import type { ChannelConsumer, ChannelGroup, ChannelMember } from '../analysis/channel-groups.js';
import type { ValueFacts } from '../analysis/value-types.js';
import { UserError } from '../errors.js';
import { Emitter } from '../ir/emitter.js';
import type { Model } from '../ir/model.js';
import type { Node } from '../ir/node.js';
import { Tensor } from '../ir/tensor.js';
import type { Parameter } from './parameters.js';

/** A copy of a model in which channels pass gates. */
export interface GatedModel {
  model: Model;
  /** Vectors of ones, a number for each channel. None for a group that no layer takes in a way that can be followed. */
  gates: Map<ChannelGroup, Parameter>;
}

/**
 * Multiplies what layers take of channels by a vector of ones. The gradient of a loss by it is what scaling a channel
 * wherever it is taken would change, to first order.
 * @param groups those of this very model.
 * @param facts types and shapes of its values.
 * @throws UserError where a layer that takes channels does not compute in float32
 */
export function withGates(
  original: Model,
  groups: readonly ChannelGroup[],
  facts: ReadonlyMap<string, ValueFacts>,
): GatedModel {
  const model = original.clone();
  const writer = new GateWriter(original, model, facts);
  const gates = new Map<ChannelGroup, Parameter>();
  for (const group of groups) {
    const gate = writer.gate(group);
    if (gate) gates.set(group, gate);
  }
  model.graph.sort();
  return { model, gates };
}

/** An input of a node, and how the channels lie on it. */
interface Use {
  node: Node;
  position: number;
  member: ChannelMember;
}

class GateWriter {
  private readonly g: Emitter;
  /** Each node of the original, and its copy. */
  private readonly copies: ReadonlyMap<Node, Node>;
  private readonly gated = new Map<string, string>();

  constructor(
    original: Model,
    private readonly model: Model,
    private readonly facts: ReadonlyMap<string, ValueFacts>,
  ) {
    const nodes = [...model.graph.nodes];
    this.copies = new Map(original.graph.nodes.map((node, place) => [node, nodes[place]!]));
    this.g = new Emitter(model, 'gate');
  }

  gate(group: ChannelGroup): Parameter | undefined {
    const uses = group.consumers.flatMap((consumer) => this.useOf(group, consumer) ?? []);
    const [first] = uses;
    if (!first) return undefined;
    const name = this.model.freshName('gate/channels');
    const tensor = Tensor.of(name, 'float32', [group.size], new Float32Array(group.size).fill(1));
    this.model.graph.initializers.set(name, tensor);
    for (const { node, position, member } of uses)
      node.inputs[position] = this.through(node.inputs[position]!, member, name, group.size);
    return { name, tensor, consumer: first.node, position: first.position, depth: 0, decays: false };
  }

  /**
   * Where a layer takes channels: the value or, where that comes from the layer itself, as states do, or lies on an axis
   * together with the batch, the weight that it is multiplied with.
   */
  private useOf({ size }: ChannelGroup, { node, data, weight }: ChannelConsumer): Use | undefined {
    const copy = this.copies.get(node)!;
    for (const member of [data, weight]) {
      const position = member ? node.inputs.indexOf(member.value) : -1;
      if (!member || position < 0 || member.isCyclic || member.indices.length !== size * member.perChannel) continue;
      const type = this.facts.get(member.value)?.type;
      if (type === 'float32') return { node: copy, position, member };
      throw new UserError(`computes in ${type ?? 'an unknown type'} at ${node.label} (${node.type})`);
    }
    return undefined;
  }

  /** The product of a value and the gates of the channels that lie on one of its axes. */
  private through(value: string, member: ChannelMember, gate: string, channels: number): string {
    const { value: known, axis, size, perChannel, indices } = member;
    const key = `${value} ${axis} ${gate}`;
    const found = this.gated.get(key);
    if (found !== undefined) return found;
    const { g } = this;
    // Indices of no channel of the group take the one behind the gates.
    const channelOf = new Array<number>(size).fill(channels);
    for (const [k, index] of indices.entries()) channelOf[index] = Math.floor(k / perChannel);
    const gates = g.op('Concat', [gate, g.constantOf('float32', [1], [1])], { axis: 0 });
    const factors = g.op('Gather', [gates, g.ints(channelOf)]);
    const trailing = this.facts.get(known)!.dims!.length - axis - 1;
    const product = g.mul(value, g.reshape(factors, [size, ...new Array<number>(trailing).fill(1)]));
    this.gated.set(key, product);
    return product;
  }
}
