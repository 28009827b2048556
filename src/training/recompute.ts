import { type ValueFacts, valueBytes } from '../analysis/value-types.js';
import { sumOf } from '../group.js';
import { Emitter } from '../ir/emitter.js';
import { usedValues } from '../ir/graph.js';
import { cloneNode, type Model } from '../ir/model.js';
import type { Node } from '../ir/node.js';
import type { NamedValues } from '../ir/types.js';
import { ancestorsOf, replaceInNode } from '../ir/uses.js';
import { isDeterministic } from '../ops/determinism.js';
import { inferSizes } from './memory.js';
import { cutIntoSegments, type ForwardCosts } from './segments.js';

/** What of a step graph is known beside its nodes. */
export interface RecomputeOptions {
  /** Output that the forward pass ends with. */
  loss: string;
  /** Inputs that are no samples: what is computed from them alone is kept. */
  parameters: ReadonlySet<string>;
  /** Inputs of a typical batch. */
  typical: NamedValues;
}

/** A graph that computes again what it would have to keep. */
interface Recomputed {
  model: Model;
  facts: ReadonlyMap<string, ValueFacts>;
}

/** Values smaller than this share of all that the backward pass needs are kept. */
const SMALL = 1e-4;
/** ONNX's number of the type int64. */
const INT64 = 7;

/**
 * Trades time for memory in a graph of forward and backward pass: the forward pass is cut into segments, and what the
 * backward pass needs of a segment is computed again from what the segment takes, when its turn has come (Chen et al. 2016,
 * "Training deep nets with sublinear memory cost", arXiv:1604.06174). The last segment stays as it is: its turn comes first.
 * @returns a copy in this form, with types and shapes of its values, which it hides from ONNX Runtime (`Anchors`); undefined
 * where there is nothing to compute again
 */
export async function recomputeForward(original: Model, options: RecomputeOptions): Promise<Recomputed | undefined> {
  const model = original.clone();
  model.graph.sort();
  const facts = await inferSizes(model, options.typical);
  const steps = new StepNodes(model, facts, options);
  const cuts = cutIntoSegments(steps.costs());
  const late = steps.following(steps.repeatable.slice(cuts.at(-1)));
  const segments = cuts.flatMap(
    (end, k) => planSegment(steps, steps.repeatable.slice(cuts[k - 1] ?? 0, end), late) ?? [],
  );
  if (!segments.length) return undefined;
  const early = steps.largeBefore(Math.min(...segments.map(({ start }) => start)));
  const written: Node[] = [];
  let outside: Anchors | undefined;
  for (const [place, node] of steps.backward.entries()) {
    for (const segment of segments.filter(({ start }) => start === place)) {
      const anchors = new Anchors(steps, written, segment.gradient);
      outside ??= anchors;
      repeatSegment(steps, segment, anchors);
    }
    outside?.hideInputs(node, (name) => early.has(name));
    written.push(node);
  }
  model.graph.nodes = [...model.graph.nodes.filter((node) => steps.forward.has(node)), ...written];
  return { model, facts };
}

/** A segment that is computed again. */
interface Segment {
  nodes: readonly Node[];
  /** Values that the backward pass needs, and that the forward pass does not hold. */
  lost: ReadonlySet<string>;
  /** Place of the first node of the backward pass that takes one of them. */
  start: number;
  /** A value of the backward pass that is known just before. */
  gradient: string;
}

function planSegment(steps: StepNodes, segment: readonly Node[], late: ReadonlySet<string>): Segment | undefined {
  const held = steps.heldAfter(segment);
  const lost = steps.lostOf(segment, held);
  const start = steps.backward.findIndex((node) => takesOneOf(node, lost));
  const gradient = start < 0 ? undefined : steps.gradientBefore(start, late);
  return gradient === undefined ? undefined : { nodes: neededFor(lost, segment, held), lost, start, gradient };
}

/** Emits the nodes that compute a segment again, and lets the backward pass take what they give. */
function repeatSegment(steps: StepNodes, { nodes, lost }: Segment, anchors: Anchors): void {
  const again = new Map<string, string>();
  for (const node of nodes) {
    for (const name of usedValues(node))
      if (!again.has(name) && steps.isSampled(name)) again.set(name, anchors.anchor(name));
    const copy = repeat(steps, node, again);
    anchors.hideShape(copy);
    anchors.nodes.push(copy);
  }
  const replaced = new Map([...lost].map((name) => [name, again.get(name)!]));
  for (const node of steps.backward) replaceInNode(node, replaced);
}

/** The nodes of a step graph by what they are for. */
class StepNodes {
  readonly forward: ReadonlySet<Node>;
  /** Nodes of the forward pass that compute with samples and may be run again, in their order. */
  readonly repeatable: readonly Node[];
  readonly backward: readonly Node[];
  private readonly producer;
  private readonly sampled: Set<string>;
  /** Values of repeatable nodes that the backward pass takes, small ones left out. */
  private readonly needed: ReadonlySet<string>;
  /** Bytes up to which a value is small. */
  private readonly least: number;

  constructor(
    readonly model: Model,
    readonly facts: Map<string, ValueFacts>,
    { loss, parameters }: RecomputeOptions,
  ) {
    const { nodes, inputs } = model.graph;
    this.producer = model.graph.index().producer;
    this.forward = ancestorsOf([loss], this.producer);
    this.backward = nodes.filter((node) => !this.forward.has(node));
    this.sampled = new Set(inputs.map(({ name }) => name).filter((name) => !parameters.has(name)));
    for (const node of nodes)
      if (takesOneOf(node, this.sampled)) for (const name of node.outputs) if (name) this.sampled.add(name);
    this.repeatable = nodes.filter(
      (node) => this.forward.has(node) && takesOneOf(node, this.sampled) && canRepeat(node),
    );
    const taken = new Set(this.backward.flatMap((node) => [...usedValues(node)]));
    const candidates = this.repeatable.flatMap((node) => recomputable(node).filter((name) => taken.has(name)));
    this.least = SMALL * this.bytesOf(candidates);
    this.needed = new Set(candidates.filter((name) => this.bytesOf([name]) > this.least));
  }

  /** True for what is computed from samples. */
  isSampled(name: string): boolean {
    return this.sampled.has(name);
  }

  /** Values of a segment that other nodes of the forward pass take, which are held for them. */
  heldAfter(segment: readonly Node[]): Set<string> {
    const inside = new Set(segment);
    const others = [...this.forward].filter((node) => !inside.has(node));
    const taken = new Set(others.flatMap((node) => [...usedValues(node)]));
    return new Set(segment.flatMap(({ outputs }) => outputs.filter((name) => taken.has(name))));
  }

  /** Values that the backward pass needs of a segment, and that are not held. */
  lostOf(segment: readonly Node[], held: ReadonlySet<string>): Set<string> {
    const isLost = (name: string) => this.needed.has(name) && !held.has(name);
    return new Set(segment.flatMap(({ outputs }) => outputs.filter(isLost)));
  }

  /** Large values computed from samples that are known before a node of the backward pass. */
  largeBefore(start: number): Set<string> {
    const nodes = [...this.forward, ...this.backward.slice(0, start)];
    const isLarge = (name: string) => this.isSampled(name) && this.bytesOf([name]) > this.least;
    return new Set(nodes.flatMap(({ outputs }) => outputs.filter(isLarge)));
  }

  isConstant(name: string): boolean {
    return this.model.graph.initializers.has(name);
  }

  /** Values that are known once some nodes have run, and not before. */
  following(first: readonly Node[]): Set<string> {
    const values = new Set(first.flatMap(({ outputs }) => outputs));
    for (const { inputs, outputs } of this.backward)
      if (inputs.some((name) => values.has(name))) for (const name of outputs) values.add(name);
    return values;
  }

  /** The last of some values that is known before a node of the backward pass. */
  gradientBefore(start: number, values: ReadonlySet<string>): string | undefined {
    const names = this.backward.slice(0, start).flatMap(({ outputs }) => outputs);
    return names.findLast((name) => values.has(name) && this.facts.get(name)?.type === 'float32');
  }

  costs(): ForwardCosts {
    const place = new Map(this.repeatable.map((node, k) => [node, k]));
    const lastUse = [...place.values()];
    const handed = this.repeatable.map(() => new Set<string>());
    for (const [k, node] of this.repeatable.entries())
      for (const name of usedValues(node)) {
        const from = place.get(this.producer.get(name)!);
        if (from === undefined) continue;
        lastUse[from] = k;
        handed[from]!.add(name);
      }
    return {
      lastUse,
      handedOn: handed.map((names) => this.bytesOf(names)),
      kept: this.repeatable.map(({ outputs }) => this.bytesOf(outputs.filter((name) => this.needed.has(name)))),
    };
  }

  private bytesOf(names: Iterable<string>): number {
    return sumOf(names, (name) => valueBytes(this.facts.get(name)) ?? 0);
  }
}

/**
 * Gives values other names, known only when a gradient is, and of no shape that ONNX Runtime could tell. It frees a value
 * after its last use, but it may run nodes as soon as their inputs are there, merges nodes that compute the same from the
 * same values, and lets values of one shape take over each other's memory, which then is not freed in between. So a value is
 * passed through a Reshape, which copies nothing, to its own shape plus a zero that is computed from the gradient.
 */
class Anchors {
  private readonly g: Emitter;
  private readonly zero: string;
  private readonly anchored = new Map<string, string>();

  /** @param nodes where nodes are written. */
  constructor(
    private readonly steps: StepNodes,
    readonly nodes: Node[],
    gradient: string,
  ) {
    this.g = new Emitter(steps.model, 'recompute', nodes);
    const { g } = this;
    const first = g.op('Gather', [g.reshape(gradient, [-1]), g.scalar(0, 'int64')]);
    this.zero = g.cast(g.op('Greater', [first, Number.POSITIVE_INFINITY]), INT64);
  }

  anchor(name: string): string {
    const { g, steps, anchored } = this;
    const known = anchored.get(name);
    if (known) return known;
    const made = g.reshape(name, g.add(g.shape(name), this.zero));
    anchored.set(name, made);
    const facts = steps.facts.get(name);
    if (facts) steps.facts.set(made, facts);
    return made;
  }

  /** Makes a constant shape that a node gives its value one that is computed. */
  hideShape(node: Node): void {
    const shape = node.inputs[1];
    if ((node.type !== 'Reshape' && node.type !== 'Expand') || !shape || !this.steps.isConstant(shape)) return;
    const hidden = this.anchored.get(shape) ?? this.g.add(shape, this.zero);
    this.anchored.set(shape, hidden);
    node.inputs[1] = hidden;
  }

  /** Anchors what a node takes of values that were computed before. */
  hideInputs(node: Node, isEarlier: (name: string) => boolean): void {
    const earlier = [...usedValues(node)].filter(isEarlier);
    replaceInNode(node, new Map(earlier.map((name) => [name, this.anchor(name)])));
    this.hideShape(node);
  }
}

const takesOneOf = (node: Node, values: ReadonlySet<string>) => [...usedValues(node)].some((name) => values.has(name));

const isTrainedNorm = (node: Node) => node.type === 'BatchNormalization' && node.int('training_mode', 0) === 1;

/** True where a node gives the same again; a batch normalization in training by the statistics that it gave. */
function canRepeat(node: Node): boolean {
  if (isTrainedNorm(node)) return Boolean(node.outputs[1] && node.outputs[2]) && node.float('momentum', 0.9) === 0;
  return !node.subgraphs().length && (node.domain.startsWith('com.microsoft') || isDeterministic(node));
}

/** Outputs that can be computed again. */
const recomputable = (node: Node) => (isTrainedNorm(node) ? node.outputs.slice(0, 1) : node.outputs);

/** The nodes of a segment that give some values, from those that come from outside it or are held. */
function neededFor(values: ReadonlySet<string>, segment: readonly Node[], held: ReadonlySet<string>): Node[] {
  const wanted = new Set(values);
  const nodes: Node[] = [];
  for (const node of [...segment].reverse()) {
    if (!node.outputs.some((name) => wanted.has(name) && !held.has(name))) continue;
    for (const name of usedValues(node)) wanted.add(name);
    nodes.unshift(node);
  }
  return nodes;
}

/** A copy of a node that takes and gives values under other names. */
function repeat({ model, facts }: StepNodes, node: Node, again: Map<string, string>): Node {
  const copy = cloneNode(node);
  copy.name = model.freshName(`${node.label}/again`);
  if (isTrainedNorm(node)) {
    copy.inputs.splice(3, 2, node.outputs[1]!, node.outputs[2]!);
    copy.outputs.length = 1;
    for (const name of ['training_mode', 'momentum']) copy.set(name, undefined);
  }
  replaceInNode(copy, again);
  copy.outputs = copy.outputs.map((name) => name && model.freshName(`${name}/again`));
  for (const [k, name] of copy.outputs.entries()) {
    if (!name) continue;
    again.set(node.outputs[k]!, name);
    const known = facts.get(node.outputs[k]!);
    if (known) facts.set(name, known);
  }
  return copy;
}
