import { captures } from '../ir/graph.js';
import type { Model } from '../ir/model.js';
import type { Node } from '../ir/node.js';
import type { Tensor } from '../ir/tensor.js';
import { DATA_TYPES } from '../ir/types.js';
import { type ChannelRow, ChannelSite, type ChannelStatement, NotFollowed, type Place } from '../ops/channels/site.js';
import { channelRow } from '../ops/channels/table.js';
import { AxisClasses } from './axis-classes.js';
import type { IndexedAxis } from './channel-axes.js';
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

/** Follows the channels of a model through its operators, as the rows of these say. */
export class ChannelCoupling {
  readonly classes: AxisClasses;
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
    const { producer, consumers } = graph.index();
    this.constants = model.constants();
    this.producers = producer;
    this.derived = new Set(this.constants.keys());
    this.classes = new AxisClasses(facts);
    for (const { name } of graph.inputs) this.classes.freezeValue(name, `graph input ${name}`);
    for (const { name } of graph.outputs) this.classes.freezeValue(name, `graph output ${name}`);
    for (const [name, { type, strings }] of this.constants)
      if (strings || DATA_TYPES[type].bits < 8) this.classes.freezeValue(name, `${name} is stored as ${type}`);
      else if (!consumers.has(name)) this.classes.freezeValue(name, 'nothing takes it');
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
      for (const name of captures(body)) this.classes.freezeValue(name, `${nameOf(node)}: its subgraph takes it`);
    const row = channelRow(node.type);
    if (row) this.followBy(row, node);
    else this.classes.freeze(this.axesAround(node), `no rule for ${node.type} (${node.label})`);
  }

  private followBy(row: ChannelRow, node: Node): void {
    const site = new ChannelSite(node, {
      opset: this.model.opset,
      dims: (value) => this.facts.get(value)?.dims,
      constant: (value) => this.constants.get(value),
      cycle: (value, axis) => this.classes.cycle(value, axis),
      setCycle: (value, axis, size) => this.classes.setCycle(value, axis, size),
    });
    try {
      row.couple(site);
      this.take(site);
    } catch (error) {
      if (!(error instanceof NotFollowed)) throw error;
      this.classes.freeze(this.axesAround(node), `${nameOf(node)}: ${error.message}`);
    }
  }

  /** Applies what a row said, and keeps the axes that it said nothing of. */
  private take(site: ChannelSite): void {
    const { node } = site;
    const said = site.statements;
    const choices = site.choices.map((alternatives): Choice => {
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
    const others = this.axesAround(node).filter((axis) => !spoken.has(axis));
    this.classes.freeze(others, `${nameOf(node)} takes it as a whole`);
    this.choices.push(...choices);
  }

  private axesAround(node: Node): IndexedAxis[] {
    return [...node.inputs, ...node.outputs].filter(Boolean).flatMap((value) => this.classes.table.of(value));
  }

  private axesOf(statements: readonly ChannelStatement[]): IndexedAxis[] {
    return statements.flatMap((statement) => {
      if ('places' in statement) return this.classes.axesAt(statement.places);
      if ('weight' in statement) return this.classes.axesAt([statement.weight, statement.output]);
      return this.classes.axesAt([[statement.value, statement.axis]]);
    });
  }

  private apply(node: Node, statements: readonly ChannelStatement[]): void {
    for (const statement of statements)
      switch (statement.kind) {
        case 'join':
          this.classes.join(statement.places, node.outputs, nameOf(node));
          break;
        case 'produce':
          this.classes.join([statement.weight, statement.output], node.outputs, nameOf(node));
          break;
        case 'contract':
          this.contract(node, statement.places);
          break;
        case 'freeze':
          this.classes.freeze(this.axesOf([statement]), `${nameOf(node)} ${statement.reason}`);
          break;
        case 'heads':
          this.classes.mark(this.axesOf([statement]));
      }
  }

  private contract(node: Node, places: readonly Place[]): void {
    const axes = this.classes.axesAt(places);
    const isConstant = places.every(([value]) => this.derived.has(value));
    if (isConstant) this.classes.freeze(axes, `${nameOf(node)} sums constants over it`);
    else if (axes.some(({ isCyclic }) => isCyclic)) this.classes.freeze(axes, `${nameOf(node)} sums over all samples`);
    else this.classes.join(places, node.outputs, nameOf(node));
  }

  /** Keeps what was said of weights. */
  private note(node: Node, statements: readonly ChannelStatement[]): void {
    for (const statement of statements)
      if (statement.kind === 'contract') this.noteContraction(node, statement.places);
      else if (statement.kind === 'produce' && this.derived.has(statement.weight[0])) {
        const [made] = this.classes.axesAt([statement.weight]);
        if (made) this.productions.push({ node, made, weight: this.originOf(made) });
      }
  }

  private noteContraction(node: Node, places: readonly Place[]): void {
    const axes = this.classes.axesAt(places);
    const data = axes.find(({ value }) => !this.derived.has(value));
    const weight = axes.find(({ value }) => this.derived.has(value));
    if (data) this.contractions.push({ node, data, weight: weight && this.originOf(weight) });
  }

  /** The axis of an initializer that became an axis of another value by operators that leave elements as they are. */
  private originOf(axis: IndexedAxis): IndexedAxis | undefined {
    if (this.constants.has(axis.value)) return axis;
    const node = this.producers.get(axis.value);
    const source = node?.inputs[0];
    if (!node || source === undefined || !UNCHANGED.has(node.type)) return undefined;
    const perm = node.type === 'Transpose' ? (node.ints('perm') ?? reversed(this.facts.get(source)?.dims?.length)) : [];
    const origin = this.classes.table.get(source, perm[axis.axis] ?? axis.axis);
    return origin && this.originOf(origin);
  }

  /** Choices about attention heads come first, since the width of a head could be followed as well. */
  private nextChoice(): Choice {
    const at = this.choices.findIndex(({ axes }) => axes.some((axis) => this.classes.isMarked(axis)));
    return this.choices.splice(Math.max(at, 0), 1)[0]!;
  }

  private decide(choice: Choice): void {
    const scores = choice.ways.map((way) =>
      this.classes.trial(() => {
        this.go(choice, way);
        return this.finenessOf(choice.axes);
      }),
    );
    const way = choice.ways[scores.indexOf(Math.max(...scores))]!;
    this.go(choice, way);
    this.note(choice.node, way);
  }

  private go({ node, axes }: Choice, way: readonly ChannelStatement[]): void {
    this.apply(node, way);
    const spoken = new Set(this.axesOf(way));
    const others = axes.filter((axis) => !spoken.has(axis));
    this.classes.freeze(others, `${nameOf(node)} splits or merges it with channels that go in its place`);
  }

  /** How many classes of some axes may go. Attention heads count for more than anything else. */
  private finenessOf(axes: readonly IndexedAxis[]): number {
    const found = new Set<number>();
    let isMarked = false;
    for (const axis of axes) {
      const before = found.size;
      for (let id = axis.first; id < axis.first + axis.size; id++) {
        const root = this.classes.classOf(id);
        if (root !== undefined) found.add(root);
      }
      isMarked ||= found.size > before && this.classes.isMarked(axis);
    }
    return found.size + (isMarked ? this.classes.table.count : 0);
  }
}

/** Operators that hand a weight on, its axes in another order perhaps. */
const UNCHANGED: ReadonlySet<string> = new Set(['Cast', 'Identity', 'Transpose']);

function reversed(rank = 0): number[] {
  return Array.from({ length: rank }, (_, axis) => rank - 1 - axis);
}

function nameOf(node: Node): string {
  return `${node.op} ${node.label}`;
}
