import { CONVOLUTIONS, MIXES_AXES } from '../../analysis/feature-maps.js';
import { sumOf } from '../../group.js';
import { type Dim, usedValues } from '../../ir/graph.js';
import type { Model } from '../../ir/model.js';
import type { Node } from '../../ir/node.js';
import { type DataType, isFloat } from '../../ir/types.js';
import { levelsOf, type RowAxes } from './stages.js';

/** A value that everything after it depends on the inputs by, so that an early exit loses nothing by seeing it alone. */
export interface ExitPlace {
  value: string;
  type: DataType;
  /** Multiply-accumulates up to it, as a share of the model's. */
  share: number;
  layout: FeatureLayout;
}

/** What the axes of features are, beside the one of the samples. */
export type FeatureLayout =
  /** `[rows, channels, …sizes]`. */
  | { kind: 'map'; channels: number; sizes: readonly Dim[] }
  /** Features last, the samples on `rowAxis`, moments (tokens, frames, patches) on all others. */
  | { kind: 'sequence'; width: number; rank: number; rowAxis: number }
  /** `[rows, width]`. */
  | { kind: 'vector'; width: number };

/**
 * Finds the values of a model at which it is narrow: of what was computed so far, nothing else is needed later on but what is
 * cheap to compute from the inputs, such as a mask, or a size. They hold what the model made of all inputs up to there.
 * @param output the value that holds the scores.
 * @param macs multiply-accumulates of a node.
 * @returns in the order of the graph; none where branches run side by side up to the end
 */
export function findExitPlaces(model: Model, output: string, axes: RowAxes, macs: (node: Node) => number): ExitPlace[] {
  const { graph } = model;
  graph.sort();
  const needed = levelsOf(model, [{ scores: output }]);
  const nodes = graph.nodes.filter((node) => needed.has(node));
  const sources = inputsBehind(model, nodes);
  const maps = featureMaps(nodes, axes);
  const total = Math.max(1, sumOf(nodes, macs));
  const places: ExitPlace[] = [];
  let spent = 0;
  for (const { node, alone } of narrowness(nodes, output, sources, macs)) {
    spent += macs(node);
    if (alone === undefined || places.some(({ value }) => value === alone)) continue;
    const type = axes.typeOf(alone);
    const layout = layoutOf(alone, axes, maps.has(alone));
    const seesAll = sources.get(alone)?.size === sources.get(output)?.size;
    if (layout && seesAll && type && isFloat(type)) places.push({ value: alone, type, share: spent / total, layout });
  }
  return places;
}

/** The inputs of the model that each value holds something of, sizes aside. */
type Sources = ReadonlyMap<string, ReadonlySet<string>>;

const SIZES = new Set(['Shape', 'Size']);

function inputsBehind({ graph }: Model, nodes: readonly Node[]): Sources {
  const behind = new Map<string, ReadonlySet<string>>();
  for (const { name } of graph.inputs) if (!graph.initializers.has(name)) behind.set(name, new Set([name]));
  for (const node of nodes) {
    const used = SIZES.has(node.type) ? [] : [...usedValues(node)];
    const own = new Set(used.flatMap((name) => [...(behind.get(name) ?? [])]));
    for (const output of node.outputs) behind.set(output, own);
  }
  return behind;
}

/**
 * For each node the only value that took work and is needed after it, if there is just one, and no work on the inputs begins
 * later.
 */
function* narrowness(
  nodes: readonly Node[],
  output: string,
  sources: Sources,
  macs: (node: Node) => number,
): Generator<{ node: Node; alone: string | undefined }> {
  const lastUse = new Map<string, number>();
  const worked = new Set<string>();
  let lastBeginning = 0;
  for (const [place, node] of nodes.entries()) {
    const used = [...usedValues(node)];
    for (const name of used) lastUse.set(name, place);
    const goesOn = used.some((name) => worked.has(name));
    const begins = !goesOn && macs(node) > 0 && used.some((name) => sources.get(name)?.size);
    if (begins) lastBeginning = place;
    if ((begins || goesOn) && !SIZES.has(node.type)) for (const name of node.outputs) worked.add(name);
  }
  lastUse.set(output, nodes.length);
  const needed = new Set<string>();
  for (const [place, node] of nodes.entries()) {
    for (const name of node.outputs) if (worked.has(name) && lastUse.has(name)) needed.add(name);
    for (const name of usedValues(node)) if (lastUse.get(name) === place) needed.delete(name);
    const [alone] = needed;
    yield { node, alone: needed.size === 1 && place >= lastBeginning ? alone : undefined };
  }
}

/** Values that hold channels on axis 1 and places behind it: what convolutions give, and what keeps its axes. */
function featureMaps(nodes: readonly Node[], axes: RowAxes): Set<string> {
  const maps = new Set<string>();
  const rankOf = (name: string) => axes.dimsOf(name)?.length;
  for (const { type, inputs, outputs } of nodes) {
    const [output] = outputs;
    const rank = rankOf(output!);
    const keepsAxes = !MIXES_AXES.has(type) && inputs.some((name) => maps.has(name) && rankOf(name) === rank);
    if (rank !== undefined && rank > 2 && (CONVOLUTIONS.has(type) || keepsAxes)) maps.add(output!);
  }
  return maps;
}

function layoutOf(value: string, axes: RowAxes, isMap: boolean): FeatureLayout | undefined {
  const dims = axes.dimsOf(value);
  if (!dims) return undefined;
  const rowAxis = axes.axisOf(value) ?? (axes.fixed === 1 ? dims.indexOf(1) : -1);
  const [, channels, ...sizes] = dims;
  if (isMap && rowAxis === 0 && typeof channels === 'number') return { kind: 'map', channels, sizes };
  const width = dims.at(-1);
  if (typeof width !== 'number' || rowAxis < 0 || rowAxis === dims.length - 1) return undefined;
  return dims.length === 2 ? { kind: 'vector', width } : { kind: 'sequence', width, rank: dims.length, rowAxis };
}

/** Layouts by how much a head can make of them. */
const RICHNESS = ['vector', 'sequence', 'map'];

/** Of places that cost the same, the last of those that a head can make most of. */
export function distinctPlaces(places: readonly ExitPlace[]): ExitPlace[] {
  const best = new Map<number, ExitPlace>();
  const richness = ({ layout }: ExitPlace) => RICHNESS.indexOf(layout.kind);
  for (const place of places) {
    const known = best.get(place.share);
    if (!known || richness(place) >= richness(known)) best.set(place.share, place);
  }
  return [...best.values()];
}

/** An exit before this share of the work sees too little, one behind it saves too little. */
export const WITHIN = [0.05, 0.9] as const;

/** At most so many places, spread evenly over the work of the model. */
export function spreadPlaces(places: readonly ExitPlace[], count: number): ExitPlace[] {
  const left = places.filter(({ share }) => share >= WITHIN[0] && share <= WITHIN[1]);
  if (left.length <= count) return left;
  const chosen: ExitPlace[] = [];
  for (let k = 1; k <= count; k++) {
    const target = k / (count + 1);
    const nearest = left.reduce((a, b) => (Math.abs(b.share - target) < Math.abs(a.share - target) ? b : a));
    left.splice(left.indexOf(nearest), 1);
    chosen.push(nearest);
  }
  return chosen.sort((a, b) => a.share - b.share);
}
