import { sumOf } from '../group.js';

/** What a step of a forward pass holds. All arrays have one entry per node, in the order in which they run. */
export interface ForwardCosts {
  /** Bytes of the values of a node that the backward pass needs. */
  kept: readonly number[];
  /** Place of the last node of the forward pass that takes a value of this one; its own where none does. */
  lastUse: readonly number[];
  /** Bytes of those values that later nodes of the forward pass take. */
  handedOn: readonly number[];
}

/**
 * Cuts a forward pass into segments, so that the least memory is needed where only values that cross a cut are kept, and
 * one segment at a time is computed again: about √n of them for a chain of n equal nodes (Chen et al. 2016, "Training deep
 * nets with sublinear memory cost"). Cuts go where few bytes cross.
 * @returns places of the nodes that begin a segment, the first one left out; empty where nothing is saved
 */
export function cutIntoSegments(costs: ForwardCosts): number[] {
  const crossing = crossingBytes(costs);
  const total = sumOf(costs.kept, (bytes) => bytes);
  let best: number[] = [];
  let least = total;
  const most = 2 * Math.ceil(Math.sqrt(costs.kept.length));
  for (let count = 2; count <= most; count++) {
    const cuts = cutsFor(count, costs, crossing, total);
    const bytes = peakOf(cuts, costs);
    if (bytes < least) [best, least] = [cuts, bytes];
  }
  return best;
}

/** Bytes that are handed over each place: entry p for a cut before node p. */
function crossingBytes({ lastUse, handedOn }: ForwardCosts): number[] {
  const change = new Array<number>(lastUse.length + 2).fill(0);
  for (const [place, last] of lastUse.entries()) {
    change[place + 1]! += handedOn[place]!;
    change[last + 1]! -= handedOn[place]!;
  }
  let held = 0;
  return change.map((bytes) => (held += bytes));
}

/** Cuts into segments that keep about equally much, each moved to the cheapest place nearby. */
function cutsFor(count: number, { kept }: ForwardCosts, crossing: readonly number[], total: number): number[] {
  const best = new Map<number, { place: number; bytes: number; distance: number }>();
  let before = 0;
  for (const [place, own] of kept.entries()) {
    const position = (before / total) * count;
    const window = Math.round(position);
    const [bytes, distance] = [crossing[place]!, Math.abs(position - window)];
    const known = best.get(window);
    const isBetter = !known || bytes < known.bytes || (bytes === known.bytes && distance < known.distance);
    if (window > 0 && window < count && isBetter) best.set(window, { place, bytes, distance });
    before += own;
  }
  return [...best.values()].map(({ place }) => place);
}

/** Bytes kept over the cuts, and those of the largest segment. */
function peakOf(cuts: readonly number[], { kept, lastUse, handedOn }: ForwardCosts): number {
  const inside = new Array<number>(cuts.length + 1).fill(0);
  let segment = 0;
  let across = 0;
  for (const [place, bytes] of kept.entries()) {
    while (segment < cuts.length && place >= cuts[segment]!) segment++;
    const isCrossing = segment < cuts.length && lastUse[place]! >= cuts[segment]!;
    if (isCrossing) across += handedOn[place]!;
    else inside[segment]! += bytes;
  }
  return across + Math.max(...inside);
}
