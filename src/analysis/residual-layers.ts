import { type Graph, usedValues } from '../ir/graph.js';
import type { Model } from '../ir/model.js';
import type { Node } from '../ir/node.js';
import { SUMMED_WEIGHTS } from '../ops/summed-weights.js';
import { DataFlow } from './data-flow.js';
import { findResidualBlocks, type ResidualBlock, sameShape } from './residual-blocks.js';
import type { ValueFacts } from './value-types.js';

/** A part of a model that can be left out: what it takes then stands for what it gives. */
export interface ResidualLayer {
  /** What the names of its nodes have in common, else the name of the node that adds. */
  name: string;
  input: string;
  output: string;
  nodes: ReadonlySet<Node>;
}

/** The layers of a model by depth. */
export interface ResidualLayers {
  /** Those that can be left out, in the order in which they run. */
  layers: ResidualLayer[];
  refused: { name: string; reason: string }[];
}

/** A residual block up to where the next one begins. */
interface Span {
  input: string;
  output: string;
  block: ResidualBlock;
}

/**
 * Finds what repeats in the depth of a model: residual blocks with what follows each up to the next one (an activation, a
 * normalization), and in transformers an attention block with the feed-forward blocks after it, which are one layer.
 */
export function findResidualLayers(model: Model, facts: ReadonlyMap<string, ValueFacts>): ResidualLayers {
  const flow = new DataFlow(model.graph);
  const spans = spansOf(findResidualBlocks(model, facts, flow), facts, flow);
  const found: ResidualLayers = { layers: [], refused: [] };
  for (const group of layersOf(spans)) {
    const [input, output] = [group[0]!.input, group.at(-1)!.output];
    const nodes = flow.between(input, output);
    const name = nameOf(nodes, flow.producer(group.at(-1)!.block.sum)!);
    const reason = leakOf({ input, output, nodes }, model.graph, flow);
    if (reason) found.refused.push({ name, reason });
    else found.layers.push({ name, input, output, nodes });
  }
  return found;
}

function spansOf(blocks: readonly ResidualBlock[], facts: ReadonlyMap<string, ValueFacts>, flow: DataFlow): Span[] {
  const ends = blocks.map((block, k) => endBefore(blocks[k + 1], block, facts, flow));
  const tail = commonTail(blocks.flatMap((block, k) => (ends[k] ? [typesBetween(block.sum, ends[k], flow)] : [])));
  return blocks.map((block, k) => ({
    input: block.input,
    output: ends[k] ?? endLike(tail, block, facts, flow) ?? block.sum,
    block,
  }));
}

/** Where the next block begins, if nothing but activations and normalizations lies between. */
function endBefore(
  next: ResidualBlock | undefined,
  block: ResidualBlock,
  facts: ReadonlyMap<string, ValueFacts>,
  flow: DataFlow,
): string | undefined {
  if (!next) return undefined;
  if (next.input === block.sum) return block.sum;
  const isAfter = flow.dependents(block.sum).has(flow.producer(next.input)!);
  if (!isAfter || !sameShape(facts.get(block.input), facts.get(next.input))) return undefined;
  const tail = flow.between(block.sum, next.input);
  return [...tail].some(({ type }) => type in SUMMED_WEIGHTS) ? undefined : next.input;
}

/** Operators from one value to another, in alphabetical order. */
function typesBetween(from: string, to: string, flow: DataFlow): string {
  return [...flow.between(from, to)]
    .map(({ type }) => type)
    .sort()
    .join();
}

/** What follows most blocks; nothing where they differ alike. */
function commonTail(tails: readonly string[]): string {
  const counts = new Map<string, number>();
  for (const tail of tails) counts.set(tail, (counts.get(tail) ?? 0) + 1);
  return [...counts].sort((a, b) => b[1] - a[1])[0]?.[0] ?? '';
}

/** The value after a block's sum that is as far from it as those of other blocks are. */
function endLike(
  tail: string,
  block: ResidualBlock,
  facts: ReadonlyMap<string, ValueFacts>,
  flow: DataFlow,
): string | undefined {
  const most = tail ? tail.split(',').length : 0;
  let tried = 0;
  for (const { outputs } of most ? flow.dependents(block.sum) : []) {
    if (tried++ > 4 * most) return undefined;
    const end = outputs[0]!;
    if (typesBetween(block.sum, end, flow) === tail && sameShape(facts.get(block.input), facts.get(end))) return end;
  }
  return undefined;
}

const isAttention = ({ block }: Span) =>
  [...block.nodes].some(({ op }) => op === 'Softmax' || op.endsWith('Attention'));

/** Blocks that follow one another, cut into layers: in front of each attention block that comes after another block. */
function layersOf(spans: readonly Span[]): Span[][] {
  const layers: Span[][] = [];
  const isMixed = !spans.every(isAttention);
  for (const [k, span] of spans.entries()) {
    const before = spans[k - 1];
    const joins = before?.output === span.input && (isAttention(before) || !isAttention(span));
    if (isMixed && joins && layers.at(-1)!.some(isAttention)) layers.at(-1)!.push(span);
    else layers.push([span]);
  }
  return layers;
}

/** Why a layer cannot be left out: something outside takes what it makes inside. */
function leakOf(
  { input, output, nodes }: Omit<ResidualLayer, 'name'>,
  graph: Graph,
  flow: DataFlow,
): string | undefined {
  const users = new Map(graph.outputs.map(({ name }) => [name, 'an output of the model']));
  for (const [name, user] of users) {
    const producer = flow.producer(name === output ? input : name);
    if (!producer) continue;
    if (nodes.has(producer)) return `${name} from inside it is taken by ${user}`;
    for (const value of usedValues(producer)) if (!users.has(value)) users.set(value, producer.label);
  }
  return undefined;
}

/** What the names of a layer's nodes begin with, up to a separator. */
function nameOf(nodes: ReadonlySet<Node>, sum: Node): string {
  const names = [...nodes].map(({ name }) => name);
  const first = names[0] ?? '';
  let length = 0;
  while (length < first.length && names.every((name) => name[length] === first[length])) length++;
  const common = first.slice(0, length).replace(/[^/.]*$/, '');
  return common.length > 1 ? common.replace(/[/.]+$/, '') : sum.label;
}
