import { groupBy } from '../group.js';
import type { Model } from '../ir/model.js';
import type { Node } from '../ir/node.js';
import type { IndexedAxis } from './channel-axes.js';
import { ChannelCoupling } from './channel-coupling.js';
import { inferSymbolicShapes } from './symbolic-shapes.js';
import type { ValueFacts } from './value-types.js';

/** An axis of a value along which the channels of a group lie. */
export interface ChannelMember {
  value: string;
  axis: number;
  /** Length of the axis, or of its cycle. */
  size: number;
  /** True where the axis is of open size, and its indices repeat after `size`: a batch times attention heads. */
  isCyclic: boolean;
  /** True for an initializer, which gets smaller with the group. */
  isConstant: boolean;
  /** How many indices a channel has here: more than one where spatial positions were flattened into features. */
  perChannel: number;
  /** The indices of all channels in turn, `perChannel` of each. */
  indices: Int32Array;
}

/** A layer that makes the channels of a group. */
export interface ChannelProducer {
  node: Node;
  weight: ChannelMember;
}

/** A layer that sums over the channels of a group. */
export interface ChannelConsumer {
  node: Node;
  /** What it sums over: the axis of the value that it takes. */
  data: ChannelMember;
  /**
   * The axis of the initializer that it multiplies with: index by index that of the data, or, in a grouped convolution,
   * that of the channels of one group. Absent where two activations are multiplied, or one is summed.
   */
  weight?: ChannelMember | undefined;
}

/** Channels of which each can be removed from a model, with all that depends on it and nothing else. */
export interface ChannelGroup {
  /** The layer that makes the channels. */
  name: string;
  /** How many channels there are. One at least has to stay. */
  size: number;
  members: readonly ChannelMember[];
  producers: readonly ChannelProducer[];
  consumers: readonly ChannelConsumer[];
}

/** Channels that a layer makes and that have to stay. */
export interface RefusedChannels {
  node: Node;
  /** How many of its channels those are. */
  count: number;
  of: number;
  reason: string;
}

/** What can be removed from a model, and what cannot. */
export interface ChannelGroups {
  groups: readonly ChannelGroup[];
  refused: readonly RefusedChannels[];
  /** Types and shapes of the model's values. */
  facts: ReadonlyMap<string, ValueFacts>;
}

/**
 * Finds the channels of a model that are coupled, and can be removed together (Fang et al. 2023, "DepGraph: Towards Any
 * Structural Pruning"). The model should have been prepared by `prepareForPruning`.
 */
export async function findChannelGroups(model: Model): Promise<ChannelGroups> {
  const { facts } = await inferSymbolicShapes(model);
  const coupling = new ChannelCoupling(model, facts);
  const groups = new GroupBuilder(model, coupling).build();
  return { groups, refused: refusedChannels(coupling, groups), facts };
}

/** A class of indices: its members by the axis that they lie on, in order. */
type ChannelClass = readonly (readonly [axis: IndexedAxis, indices: readonly number[]])[];

class GroupBuilder {
  /** Places of nodes in the order in which they run. */
  private readonly order: ReadonlyMap<Node, number>;

  constructor(
    private readonly model: Model,
    private readonly coupling: ChannelCoupling,
  ) {
    this.order = new Map(model.graph.nodes.map((node, place) => [node, place]));
  }

  /** All groups in the order in which the layers run that they are named after. */
  build(): ChannelGroup[] {
    const isSmaller = (found: ChannelClass) => found.some(([{ value }]) => this.coupling.isConstant(value));
    const classes = this.classes().filter(isSmaller);
    const alike = groupBy(classes, (found) => found.map(([axis, { length }]) => `${axis.first}x${length}`).join(' '));
    const groups = [...alike.values()].filter((found) => found.length > 1).map((found) => this.groupOf(found));
    return this.named(groups);
  }

  /** The classes that may go, in the order of their first indices. */
  private classes(): ChannelClass[] {
    const { classes } = this.coupling;
    const found = new Map<number, [IndexedAxis, number[]][]>();
    for (const axis of classes.table.axes)
      for (let index = 0; index < axis.size; index++) {
        const root = classes.classOf(axis.first + index);
        if (root === undefined) continue;
        const parts = found.get(root);
        if (!parts) found.set(root, [[axis, [index]]]);
        else if (parts.at(-1)![0] === axis) parts.at(-1)![1].push(index);
        else parts.push([axis, [index]]);
      }
    return [...found.values()];
  }

  private groupOf(classes: readonly ChannelClass[]): ChannelGroup {
    const byAxis = new Map<IndexedAxis, ChannelMember>();
    for (const [part, [axis, { length }]] of classes[0]!.entries()) {
      const { value, axis: position, size, isCyclic } = axis;
      const indices = Int32Array.from(classes.flatMap((found) => found[part]![1]));
      const isConstant = this.coupling.isConstant(value);
      byAxis.set(axis, { value, axis: position, size, isCyclic, isConstant, perChannel: length, indices });
    }
    const producers = this.coupling.productions.flatMap(({ node, weight }) => {
      const member = weight && byAxis.get(weight);
      return member ? [{ node, weight: member }] : [];
    });
    const consumers = this.coupling.contractions.flatMap(({ node, data, weight }) => {
      const member = byAxis.get(data);
      return member ? [{ node, data: member, weight: weight && byAxis.get(weight) }] : [];
    });
    const members = [...byAxis.values()];
    return {
      name: '',
      size: classes.length,
      members,
      producers: this.inOrder(producers),
      consumers: this.inOrder(consumers),
    };
  }

  private inOrder<Layer extends { node: Node }>(layers: readonly Layer[]): Layer[] {
    return [...layers].sort((a, b) => this.order.get(a.node)! - this.order.get(b.node)!);
  }

  /** Names groups by their first producers, with numbers where several groups begin at one, and sorts them. */
  private named(groups: readonly ChannelGroup[]): ChannelGroup[] {
    const owners = new Map(groups.map((group) => [group, this.ownerOf(group)]));
    const place = (group: ChannelGroup) => this.order.get(owners.get(group)!)!;
    const counts = new Map<string, number>();
    return [...groups]
      .sort((a, b) => place(a) - place(b))
      .map((group) => {
        const { label } = owners.get(group)!;
        const count = (counts.get(label) ?? 0) + 1;
        counts.set(label, count);
        return { ...group, name: count === 1 ? label : `${label}#${count}` };
      });
  }

  private ownerOf({ members, producers }: ChannelGroup): Node {
    const values = new Set(members.map(({ value }) => value));
    return (
      producers[0]?.node ?? this.model.graph.nodes.find(({ inputs }) => inputs.some((input) => values.has(input)))!
    );
  }
}

/** What the layers of a model make that has to stay, and why. */
function refusedChannels(coupling: ChannelCoupling, groups: readonly ChannelGroup[]): RefusedChannels[] {
  const removable = new Map<string, number>();
  for (const { members } of groups)
    for (const { value, axis, indices } of members)
      removable.set(`${axis} ${value}`, (removable.get(`${axis} ${value}`) ?? 0) + indices.length);
  return coupling.productions.flatMap(({ node, made }) => {
    const count = made.size - (removable.get(`${made.axis} ${made.value}`) ?? 0);
    const reason = coupling.classes.reasonFor(made) ?? 'all its channels hang together';
    return count ? [{ node, count, of: made.size, reason }] : [];
  });
}
