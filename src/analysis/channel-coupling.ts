import { captures } from '../ir/graph.js';
import type { Model } from '../ir/model.js';
import type { Node } from '../ir/node.js';
import type { Tensor } from '../ir/tensor.js';
import { DATA_TYPES } from '../ir/types.js';
import { type ChannelRow, ChannelSite, type ChannelStatement, NotFollowed, type Place } from '../ops/channels/site.js';
import { channelRow } from '../ops/channels/table.js';
import { AxisTable, type IndexedAxis } from './channel-axes.js';
import { IndexClasses } from './index-classes.js';
import type { ValueFacts } from './value-types.js';

/** An axis over which a node sums products of a value and a weight; no weight where it sums the value itself. */
export interface Contraction {
  node: Node;
  data: IndexedAxis;
  weight?: IndexedAxis | undefined;
}

/** A layer that makes channels, and the axis of its weight along which it does. */
export interface Production {
  node: Node;
  /** The axis of the value that it takes for a weight. */
  made: IndexedAxis;
  /** That of the initializer behind the value; undefined where it is computed otherwise than by moving axes. */
  weight: IndexedAxis | undefined;
}

/** A node that can be followed in several ways, and what each of them says. */
interface Choice {
  node: Node;
  ways: readonly (readonly ChannelStatement[])[];
  /** The axes that any of the ways speaks of. */
  axes: readonly IndexedAxis[];
}

/** Classes of indices of a model's values that can only be removed together, as the rows of its operators say. */
export class ChannelCoupling {
  readonly table: AxisTable;
  readonly classes = new IndexClasses();
  readonly contractions: Contraction[] = [];
  readonly productions: Production[] = [];
  private readonly constants: ReadonlyMap<string, Tensor>;
  /** Values that only constants go into. */
  private readonly derived: Set<string>;
  private readonly producers: ReadonlyMap<string, Node>;
  private readonly choices: Choice[] = [];

  constructor(
    private readonly model: Model,
    private readonly facts: ReadonlyMap<string, ValueFacts>,
  ) {
    const { graph } = model;
    this.constants = model.constants();
    const { producer, consumers } = graph.index();
    this.producers = producer;
    this.derived = new Set(this.constants.keys());
    this.table = new AxisTable([...facts].map(([name, { dims }]) => [name, dims]));
    this.classes.grow(this.table.count);
    for (const { name } of graph.inputs) this.freezeValue(name, `graph input ${name}`);
    for (const { name } of graph.outputs) this.freezeValue(name, `graph output ${name}`);
    for (const [name, { type, strings }] of this.constants)
      if (strings || DATA_TYPES[type].bits < 8) this.freezeValue(name, `${name} is stored as ${type}`);
    for (const name of this.constants.keys()) if (!consumers.has(name)) this.freezeValue(name, 'nothing takes it');
    for (const node of graph.nodes) this.follow(node);
    while (this.choices.length) this.decide(this.nextChoice());
  }

  isConstant(value: string): boolean {
    return this.constants.has(value);
  }

  private follow(node: Node): void {
    const values = node.inputs.filter(Boolean);
    if (values.length && values.every((value) => this.derived.has(value)) && !node.subgraphs().length)
      for (const output of node.outputs) this.derived.add(output);
    for (const body of node.subgraphs())
      for (const name of captures(body)) this.freezeValue(name, `${nameOf(node)}: its subgraph takes it`);
    const row = channelRow(node.type);
    if (row) this.followBy(row, node);
    else this.freezeNode(node, `no rule for ${node.type} (${node.label})`);
  }

  private followBy(row: ChannelRow, node: Node): void {
    const site = new ChannelSite(node, {
      opset: this.model.opset,
      dims: (value) => this.facts.get(value)?.dims,
      constant: (value) => this.constants.get(value),
      cycle: (value, axis) => {
        const indexed = this.table.get(value, axis);
        return indexed?.isCyclic ? indexed.size : undefined;
      },
      setCycle: (value, axis, size) => this.addCycle(value, axis, size),
    });
    try {
      row.couple(site);
      this.take(site);
    } catch (error) {
      if (!(error instanceof NotFollowed)) throw error;
      this.freezeNode(node, `${nameOf(node)}: ${error.message}`);
    }
  }

  /** Applies what a row said, and keeps the axes that it said nothing of. */
  private take(site: ChannelSite): void {
    const { node } = site;
    const said = site.statements;
    const choices = site.choices.map((alternatives) => {
      const ways = alternatives.map((say) => {
        site.statements = [];
        say();
        return site.statements;
      });
      return { node, ways, axes: [...new Set(ways.flatMap((way) => this.axesOf(way)))] };
    });
    this.apply(node, said);
    this.note(node, said);
    const spoken = new Set([...this.axesOf(said), ...choices.flatMap(({ axes }) => axes)]);
    this.keepOthers(node, this.allAxes(node), spoken);
    this.choices.push(...choices);
  }

  private allAxes(node: Node): IndexedAxis[] {
    return [...node.inputs, ...node.outputs].filter(Boolean).flatMap((value) => this.table.of(value));
  }

  private axesOf(statements: readonly ChannelStatement[]): IndexedAxis[] {
    const places = statements.flatMap((statement): (readonly [string, number, unknown?])[] => {
      if ('places' in statement) return [...statement.places];
      return 'weight' in statement ? [statement.weight, statement.output] : [[statement.value, statement.axis]];
    });
    return places.map(([value, axis]) => this.table.get(value, axis)).filter((axis) => axis !== undefined);
  }

  private keepOthers(
    node: Node,
    axes: readonly IndexedAxis[],
    spoken: ReadonlySet<IndexedAxis>,
    reason = 'takes it as a whole',
  ): void {
    const kept = axes.filter((axis) => !spoken.has(axis));
    if (kept.length) this.freezeAxes(kept, `${nameOf(node)} ${reason}`);
  }

  private apply(node: Node, statements: readonly ChannelStatement[]): void {
    for (const statement of statements)
      if (statement.kind === 'join') this.join(node, statement.places);
      else if (statement.kind === 'contract') this.contract(node, statement.places);
      else if (statement.kind === 'produce') this.join(node, [statement.weight, statement.output]);
      else {
        const axis = this.table.get(statement.value, statement.axis);
        if (axis && statement.kind === 'freeze') this.freezeAxes([axis], `${nameOf(node)} ${statement.reason}`);
        if (axis && statement.kind === 'heads') this.forEach(axis, (id) => this.classes.mark(id));
      }
  }

  /** Keeps what was said of weights. */
  private note(node: Node, statements: readonly ChannelStatement[]): void {
    for (const statement of statements) {
      if (statement.kind === 'contract') this.noteContraction(node, statement.places);
      if (statement.kind !== 'produce') continue;
      const [weight, axis] = statement.weight;
      const indexed = this.derived.has(weight) ? this.table.get(weight, axis) : undefined;
      if (indexed) this.productions.push({ node, made: indexed, weight: this.originOf(indexed) });
    }
  }

  private noteContraction(node: Node, places: readonly Place[]): void {
    const axes = places.map(([value, axis]) => this.table.get(value, axis));
    const data = places.findIndex(([value]) => !this.derived.has(value));
    if (data < 0 || !axes[data]) return;
    const other = axes.find((axis, k) => k !== data && axis && this.derived.has(axis.value));
    this.contractions.push({ node, data: axes[data], weight: other && this.originOf(other) });
  }

  /** The axis of an initializer that became an axis of another value by operators that leave elements as they are. */
  private originOf(axis: IndexedAxis): IndexedAxis | undefined {
    if (this.constants.has(axis.value)) return axis;
    const node = this.producers.get(axis.value);
    const source = node?.inputs[0];
    if (!node || source === undefined || !UNCHANGED.has(node.type)) return undefined;
    const perm = node.type === 'Transpose' ? (node.ints('perm') ?? reversed(this.facts.get(source)?.dims?.length)) : [];
    const origin = this.table.get(source, perm[axis.axis] ?? axis.axis);
    return origin && this.originOf(origin);
  }

  private contract(node: Node, places: readonly Place[]): void {
    const axes = this.axesAt(places);
    const isConstant = places.every(([value]) => this.derived.has(value));
    if (axes.some(({ isCyclic }) => isCyclic)) this.freezeAxes(axes, `${nameOf(node)} sums over it in all samples`);
    else if (isConstant) this.freezeAxes(axes, `${nameOf(node)} sums constants over it`);
    else this.join(node, places);
  }

  private axesAt(places: readonly Place[]): IndexedAxis[] {
    return places.map(([value, axis]) => this.table.get(value, axis)).filter((axis) => axis !== undefined);
  }

  /** Unites the indices of places that have the same coordinate. Those that meet an axis without indices stay. */
  private join(node: Node, places: readonly Place[]): void {
    this.handOnCycle(node, places);
    const axes = this.axesAt(places);
    const dims = places.map(([value, axis]) => this.facts.get(value)?.dims?.[axis]);
    const isOpen = places.some(([value, axis], k) => !this.table.get(value, axis) && typeof dims[k] !== 'number');
    const isMixed = places.every(([, , at]) => !at) && !isAlike(axes, places.length);
    if (isOpen || isMixed) this.freezeAxes(axes, `${nameOf(node)}: sizes are open, or not the same`);
    else this.unite(node, places, dims as number[]);
  }

  /** An output has the cycle of the inputs that it is joined with. */
  private handOnCycle(node: Node, places: readonly Place[]): void {
    const cycle = this.axesAt(places).find(({ isCyclic }) => isCyclic);
    if (!cycle || places.some(([, , at]) => at)) return;
    for (const [value, axis] of places)
      if (node.outputs.includes(value) && typeof this.facts.get(value)?.dims?.[axis] !== 'number')
        this.addCycle(value, axis, cycle.size);
  }

  private addCycle(value: string, axis: number, size: number): void {
    this.table.addCycle(value, axis, size);
    this.classes.grow(this.table.count);
  }

  private unite(node: Node, places: readonly Place[], dims: readonly number[]): void {
    const ids: number[] = [];
    const alone: number[] = [];
    for (const [k, [value, axis, at]] of places.entries()) {
      const indexed = this.table.get(value, axis);
      for (let index = 0; index < (indexed?.size ?? dims[k]!); index++) {
        const coordinate = at ? at(index) : index;
        if (!indexed) alone.push(coordinate);
        else if (ids[coordinate] === undefined) ids[coordinate] = indexed.first + index;
        else this.classes.unite(ids[coordinate], indexed.first + index);
      }
    }
    const kept = alone.map((coordinate) => ids[coordinate]).filter((id) => id !== undefined);
    if (!kept.length) return;
    const reason = this.classes.reason(`${nameOf(node)}: an axis of length 1 goes with it`);
    for (const id of kept) this.classes.freeze(id, reason);
  }

  private freezeAxes(axes: readonly IndexedAxis[], text: string): void {
    const reason = this.classes.reason(text);
    for (const axis of axes) this.forEach(axis, (id) => this.classes.freeze(id, reason));
  }

  private forEach({ first, size }: IndexedAxis, visit: (id: number) => void): void {
    for (let id = first; id < first + size; id++) visit(id);
  }

  private freezeValue(value: string, reason: string): void {
    this.freezeAxes(this.table.of(value), reason);
  }

  private freezeNode(node: Node, reason: string): void {
    this.freezeAxes(this.allAxes(node), reason);
  }

  /** Choices about attention heads come first, since the width of a head could be followed as well. */
  private nextChoice(): Choice {
    const { classes } = this;
    const isMarked = ({ first, size }: IndexedAxis) => {
      for (let index = 0; index < size; index++) if (classes.isMarked(first + index)) return true;
      return false;
    };
    const at = this.choices.findIndex(({ axes }) => axes.some(isMarked));
    return this.choices.splice(Math.max(at, 0), 1)[0]!;
  }

  private decide({ node, ways, axes }: Choice): void {
    const scores = ways.map((way) =>
      this.classes.trial(() => {
        this.applyWay(node, way, axes);
        return this.finenessOf(axes);
      }),
    );
    const way = ways[scores.indexOf(Math.max(...scores))]!;
    this.applyWay(node, way, axes);
    this.note(node, way);
  }

  private applyWay(node: Node, way: readonly ChannelStatement[], axes: readonly IndexedAxis[]): void {
    this.apply(node, way);
    this.keepOthers(node, axes, new Set(this.axesOf(way)), 'splits or merges it with channels that go in its place');
  }

  /** How many classes of some axes may go. Attention heads count for more than anything else. */
  private finenessOf(axes: readonly IndexedAxis[]): number {
    const { classes } = this;
    const roots = new Set<number>();
    let isMarked = false;
    for (const { first, size } of axes)
      for (let id = first; id < first + size; id++) {
        if (classes.isFrozen(id)) continue;
        roots.add(classes.find(id));
        isMarked ||= classes.isMarked(id);
      }
    return roots.size + (isMarked ? this.table.count : 0);
  }
}

/** Operators that hand a weight on, its axes in another order perhaps. */
const UNCHANGED: ReadonlySet<string> = new Set(['Cast', 'Identity', 'Transpose']);

function reversed(rank = 0): number[] {
  return Array.from({ length: rank }, (_, axis) => rank - 1 - axis);
}

/** True where none of some places, or all of them alike, have an axis with indices. */
function isAlike(axes: readonly IndexedAxis[], places: number): boolean {
  const [first] = axes;
  if (!first) return true;
  return (
    axes.length === places && axes.every(({ size, isCyclic }) => size === first.size && isCyclic === first.isCyclic)
  );
}

function nameOf(node: Node): string {
  return `${node.op} ${node.label}`;
}
