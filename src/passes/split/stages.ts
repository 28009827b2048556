import { usedValues } from '../../ir/graph.js';
import type { Model } from '../../ir/model.js';
import type { Node } from '../../ir/node.js';

/** What a split is chosen by. */
export interface StageCosts {
  /** What a node costs, in any unit. */
  node(node: Node): number;
  /** What it costs to hand a value over to the next stage, in the same unit; undefined where it cannot be. */
  transfer(value: string): number | undefined;
  /** True for inputs of the graph that nodes of one stage alone may take. */
  isHeld?(input: string): boolean;
}

/** Nodes that run together, after those of the stages before. */
export interface Stage {
  nodes: readonly Node[];
  cost: number;
}

/** How much dearer than need be the dearest stage may be, where that lets less be handed over. */
const SLACK = 1.05;

/**
 * Cuts a graph into stages of consecutive nodes so that the dearest one, with what it is handed, is as cheap as can be
 * (chains-to-chains partitioning: Pinar and Aykanat, "Fast optimal load balancing algorithms for 1D partitioning", 2004),
 * and of such cuts takes those that hand over least. What depends on constants alone belongs to no stage: each computes it
 * for itself.
 * @param model without dead nodes.
 * @returns fewer stages than asked for, where there are no more places to cut.
 */
export function findStages(model: Model, count: number, costs: StageCosts): Stage[] {
  const { graph } = model;
  graph.sort();
  const constant = constantNodes(model);
  const nodes = graph.nodes.filter((node) => !constant.has(node));
  const entering = transferCosts(nodes, costs);
  const places = nodes.map((_, place) => place).filter((place) => Number.isFinite(entering[place]));
  const before = [0];
  for (const node of nodes) before.push(before.at(-1)! + costs.node(node));
  const costOf = (from: number, to: number) => before[to]! - before[from]! + entering[from]!;
  const ends = [...places.slice(1), nodes.length];
  const wanted = Math.min(count, ends.length);
  const cuts = chooseCuts(places, ends, wanted, costOf, (from) => entering[from]!);
  return cuts.map((from, k) => {
    const to = cuts[k + 1] ?? nodes.length;
    return { nodes: nodes.slice(from, to), cost: costOf(from, to) };
  });
}

/** Nodes that no input of the model reaches. */
export function constantNodes(model: Model): Set<Node> {
  const { graph } = model;
  const found = new Set<Node>();
  const known = new Set(model.constants().keys());
  for (const node of graph.nodes) {
    if (![...usedValues(node)].every((value) => known.has(value)) || isRandom(node)) continue;
    found.add(node);
    for (const output of node.outputs) known.add(output);
  }
  return found;
}

/** Each copy of such a node would draw numbers of its own. */
const isRandom = ({ type }: Node) => /^(Random|Multinomial|Bernoulli)/.test(type);

/** For each node, what the values cost that are made before it and taken by it or later; infinity where one cannot be handed over. */
function transferCosts(nodes: readonly Node[], { transfer, isHeld = () => false }: StageCosts): Float64Array {
  const made = new Map<string, number>();
  const lastUse = new Map<string, number>();
  for (const [place, node] of nodes.entries()) {
    for (const value of usedValues(node)) {
      if (!made.has(value) && isHeld(value)) made.set(value, place);
      if (made.has(value)) lastUse.set(value, place);
    }
    for (const output of node.outputs) if (output) made.set(output, place);
  }
  const entering = new Float64Array(nodes.length);
  for (const [value, last] of lastUse) {
    const cost = isHeld(value) ? Number.POSITIVE_INFINITY : (transfer(value) ?? Number.POSITIVE_INFINITY);
    for (let place = made.get(value)! + 1; place <= last; place++) entering[place]! += cost;
  }
  return entering;
}

/** Chooses where stages begin. @param places where they may; `ends[k]` is where one that ends before `places[k + 1]` does. */
function chooseCuts(
  places: readonly number[],
  ends: readonly number[],
  count: number,
  costOf: (from: number, to: number) => number,
  enteringAt: (from: number) => number,
): number[] {
  const dearest = solve(places, ends, count, (from, to) => [costOf(from, to), 0]);
  const limit = SLACK * dearest.value[0];
  const least = solve(places, ends, count, (from, to) =>
    costOf(from, to) <= limit ? [0, enteringAt(from)] : [Number.POSITIVE_INFINITY, 0],
  );
  return least.cuts;
}

/** The largest of the first numbers of stages, and the sum of the second ones: the first is made small, then the second. */
type Value = readonly [largest: number, sum: number];

function solve(
  places: readonly number[],
  ends: readonly number[],
  count: number,
  worthOf: (from: number, to: number) => Value,
): { value: Value; cuts: number[] } {
  const n = ends.length;
  // best[e]: of stages that cover everything before ends[e].
  let best: (Value | undefined)[] = ends.map((end) => worthOf(places[0]!, end));
  const chosen: Int32Array[] = [];
  for (let stage = 1; stage < count; stage++) {
    const next: (Value | undefined)[] = new Array(n);
    const from = new Int32Array(n).fill(-1);
    for (let e = stage; e < n; e++)
      for (let s = stage; s <= e; s++) {
        const [largest, sum] = best[s - 1] ?? [Number.POSITIVE_INFINITY, 0];
        const [own, extra] = worthOf(places[s]!, ends[e]!);
        const value: Value = [Math.max(largest, own), sum + extra];
        if (next[e] && !isLess(value, next[e]!)) continue;
        next[e] = value;
        from[e] = s;
      }
    chosen.push(from);
    best = next;
  }
  const cuts: number[] = [];
  let end = n - 1;
  for (const from of chosen.reverse()) {
    const start = from[end]!;
    cuts.unshift(places[start]!);
    end = start - 1;
  }
  return { value: best[n - 1]!, cuts: [places[0]!, ...cuts] };
}

const isLess = (a: Value, b: Value) => a[0] < b[0] || (a[0] === b[0] && a[1] < b[1]);
