import type { Dim } from '../../ir/graph.js';
import type { ChannelSite, Place } from './site.js';

/** Axes of an input and an output that hold the same elements. */
interface Block {
  inputs: number[];
  outputs: number[];
}

/** An axis with its size, or with its cycle. */
interface Part {
  axis: number;
  size: number;
}

/** Couples the axes of a value and of the same elements in another shape: axes kept, merged and split. */
export function coupleReshape(site: ChannelSite, x: string, y: string): void {
  for (const block of alignAxes(site.dims(x), site.dims(y))) {
    const isKept = block.inputs.length === 1 && block.outputs.length === 1;
    if (isKept) site.join([x, block.inputs[0]!], [y, block.outputs[0]!]);
    else coupleBlock(site, x, y, block);
  }
}

function coupleBlock(site: ChannelSite, x: string, y: string, { inputs, outputs }: Block): void {
  const [from, to] = [partsOf(site, x, inputs), partsOf(site, y, outputs)];
  const [before, after] = [productOf(from.parts), productOf(to.parts)];
  if (before > after && to.open !== undefined && before % after === 0) {
    site.setCycle(y, to.open, before / after);
    to.parts.unshift({ axis: to.open, size: before / after });
  } else if (before !== after) return;
  const factors = factorize(from.parts, to.parts);
  const ways = factors?.map((_, k) => [...placesOf(x, from.parts, k, factors), ...placesOf(y, to.parts, k, factors)]);
  if (ways?.length === 1) site.join(...ways[0]!);
  else if (ways?.length) site.choose(ways.map((places) => () => site.join(...places)));
}

/**
 * The last axes with known sizes, one with a cycle at their front perhaps, and the axis of open size before them. Axes of
 * length 1 are left out.
 */
function partsOf(site: ChannelSite, value: string, axes: readonly number[]): { parts: Part[]; open?: number } {
  const parts: Part[] = [];
  for (const axis of axes.toReversed()) {
    const dim = site.dims(value)[axis];
    const size = typeof dim === 'number' ? dim : site.cycle(value, axis);
    if (size !== undefined && size !== 1) parts.unshift({ axis, size });
    if (typeof dim !== 'number') return { parts, open: axis };
  }
  return { parts };
}

function productOf(parts: readonly Part[]): number {
  return parts.reduce((product, { size }) => product * size, 1);
}

/** Cuts two shapes of the same elements into the smallest blocks that hold the same, from both ends inwards. */
export function alignAxes(from: readonly Dim[], to: readonly Dim[]): Block[] {
  const axes = (dims: readonly Dim[]) => dims.map((_, axis) => axis);
  const left = alignFromLeft(from, axes(from), to, axes(to));
  const open = { inputs: left.inputs.reverse(), outputs: left.outputs.reverse() };
  const right = alignFromLeft(from, open.inputs, to, open.outputs);
  const turned = [...right.blocks, { inputs: right.inputs, outputs: right.outputs }].map(({ inputs, outputs }) => ({
    inputs: inputs.reverse(),
    outputs: outputs.reverse(),
  }));
  return [...left.blocks, ...turned.reverse()];
}

/** Blocks along two lists of axes, as far as sizes or symbols show that they agree, and the axes that are left. */
function alignFromLeft(
  from: readonly Dim[],
  inputs: readonly number[],
  to: readonly Dim[],
  outputs: readonly number[],
) {
  const blocks: Block[] = [];
  let [i, j] = [0, 0];
  for (;;) {
    const length = blockAt(
      inputs.slice(i).map((axis) => from[axis]),
      outputs.slice(j).map((axis) => to[axis]),
    );
    if (!length) return { blocks, inputs: inputs.slice(i), outputs: outputs.slice(j) };
    blocks.push({ inputs: inputs.slice(i, i + length[0]), outputs: outputs.slice(j, j + length[1]) });
    [i, j] = [i + length[0], j + length[1]];
  }
}

/** How many of the first axes of each hold the same elements; undefined where it cannot be told. */
function blockAt(from: readonly Dim[], to: readonly Dim[]): [number, number] | undefined {
  if (from[0] !== undefined && from[0] === to[0] && from[0] !== 0) return [1, 1];
  if (from[0] === 1) return [1, 0];
  if (to[0] === 1) return [0, 1];
  let [i, j] = [0, 0];
  for (let [a, b] = [1, 1]; ; ) {
    if (a === b && i) return [i, j];
    const next = a <= b ? from[i++] : to[j++];
    if (typeof next !== 'number' || next === 0) return undefined;
    if (a <= b) a *= next;
    else b *= next;
  }
}

/**
 * The factors that both shapes are products of, outermost first: [6, 4] and [3, 8] are [3, 2, 4]. Undefined where an axis
 * of one ends inside a factor of the other.
 */
function factorize(from: readonly Part[], to: readonly Part[]): number[] | undefined {
  const ends = (parts: readonly Part[]) => parts.map((_, k) => productOf(parts.slice(0, k + 1)));
  const cuts = [...new Set([...ends(from), ...ends(to)])].sort((a, b) => a - b);
  const factors = cuts.map((cut, k) => cut / (cuts[k - 1] ?? 1));
  return factors.every(Number.isInteger) ? factors : undefined;
}

/** Of axes that are products of factors, the one with factor `k`; its indices have the coordinate along that factor. */
function placesOf(value: string, parts: readonly Part[], k: number, factors: readonly number[]): Place[] {
  let first = 0;
  for (const { axis, size } of parts) {
    let [product, end] = [1, first];
    while (product < size) product *= factors[end++]!;
    if (k < end) {
      const inner = factors.slice(k + 1, end).reduce((all, factor) => all * factor, 1);
      return [[value, axis, (index) => Math.floor(index / inner) % factors[k]!]];
    }
    first = end;
  }
  return [];
}
