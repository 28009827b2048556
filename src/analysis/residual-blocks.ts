import type { Model } from '../ir/model.js';
import type { Node } from '../ir/node.js';
import { SUMMED_WEIGHTS } from '../ops/summed-weights.js';
import { DataFlow } from './data-flow.js';
import type { ValueFacts } from './value-types.js';

/** Layers whose result is added to what they take: `x + f(x)`, with weights in `f`. */
export interface ResidualBlock {
  /** What the block takes and adds to. */
  input: string;
  /** The sum. */
  sum: string;
  /** The nodes of `f` and those that add. */
  nodes: ReadonlySet<Node>;
}

const SUMS = new Set(['Add', 'Sum']);

/**
 * The residual blocks of the main graph that hold no other (He et al. 2016, "Deep residual learning"), in the order in
 * which they run. Blocks that change the shape, and those around the whole model, are none.
 */
export function findResidualBlocks(
  model: Model,
  facts: ReadonlyMap<string, ValueFacts>,
  flow = new DataFlow(model.graph),
): ResidualBlock[] {
  const constants = model.constants();
  const hasWeights = ({ type, inputs }: Node) =>
    SUMMED_WEIGHTS[type]?.some(({ input }) => constants.has(inputs[input] ?? '')) ?? false;
  const blocks = model.graph.nodes.flatMap((node): ResidualBlock[] => {
    if (!SUMS.has(node.type) || isInnerSum(node, flow)) return [];
    const sum = node.outputs[0]!;
    const terms = termsOf(node, flow).filter((name) => !constants.has(name));
    for (const input of terms) {
      const others = terms.filter((name) => name !== input);
      const dependents = flow.dependents(input);
      const isSkip = others.length > 0 && others.every((name) => dependents.has(flow.producer(name)!));
      if (!isSkip || !flow.producer(input) || !sameShape(facts.get(input), facts.get(sum))) continue;
      const nodes = flow.between(input, sum);
      if ([...nodes].some(hasWeights)) return [{ input, sum, nodes }];
    }
    return [];
  });
  const sums = new Map(blocks.map((block) => [flow.producer(block.sum)!, block]));
  return blocks.filter((block) => ![...block.nodes].some((node) => sums.has(node) && sums.get(node) !== block));
}

/** True for a sum that only another sum takes. */
function isInnerSum({ outputs: [sum] }: Node, flow: DataFlow): boolean {
  const users = flow.consumers(sum!);
  return users.length === 1 && SUMS.has(users[0]!.type) && !flow.isOutput(sum!);
}

/** What is added in the end, sums of sums taken apart. */
function termsOf(node: Node, flow: DataFlow): string[] {
  return node.inputs.flatMap((name) => {
    const producer = flow.producer(name);
    return producer && SUMS.has(producer.type) && isInnerSum(producer, flow) ? termsOf(producer, flow) : [name];
  });
}

/** True where all that is known of two shapes is the same. */
export function sameShape(a: ValueFacts | undefined, b: ValueFacts | undefined): boolean {
  if (!a?.dims || !b?.dims || a.type !== b.type || a.dims.length !== b.dims.length) return false;
  const sizes = b.dims;
  return a.dims.every((dim, axis) => {
    const other = sizes[axis];
    return dim === other || dim === undefined || other === undefined;
  });
}
