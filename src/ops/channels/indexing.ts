import { along } from './along.js';
import type { ChannelRow, ChannelSite, ResizeSite } from './site.js';

/** Operators that pick, sort and mask along axes. */
export const indexing: Record<string, ChannelRow> = {
  Gather: { couple: coupleGather, resize: resizeGather },
  GatherElements: { couple: coupleElements },
  GatherND: { couple: coupleBlocks },
  ScatterElements: { couple: coupleElements },
  ScatterND: { couple: coupleBlocks },
  ArgMax: { couple: coupleArgument },
  ArgMin: { couple: coupleArgument },
  TopK: along(({ node }) => [node.int('axis', -1)], 'sorts along it'),
  CumSum: along((site) => [...(site.constant(1) ?? site.refuse('its axis is computed')).toNumbers()], 'sums along it'),
  Trilu: along(() => [-2, -1], 'cuts triangles from it'),
  ReverseSequence: along(({ node }) => [node.int('batch_axis', 1), node.int('time_axis', 0)], 'turns it round'),
};

/** Y [… before, indices …, … behind] of data [… before, rows, … behind]. */
function coupleGather(site: ChannelSite): void {
  const { x, y, node } = site;
  const indices = site.input(1)!;
  const picked = site.axis(node.int('axis', 0));
  const rank = site.rank(indices);
  for (let axis = 0; axis < site.rank(x); axis++)
    if (axis !== picked) site.produce([x, axis], [y, axis < picked ? axis : axis + rank - 1]);
  const known = site.constant(1);
  if (known && rank === 1) {
    const rows = rowsOf(known.toNumbers(), site.size(x, picked));
    site.join([x, picked], [y, picked, (index) => rows[index]!]);
    return;
  }
  site.freeze(x, picked, 'looks up rows on it');
  for (let axis = 0; axis < rank; axis++) site.join([indices, axis], [y, picked + axis]);
}

function rowsOf(indices: Float64Array, size: number): number[] {
  return Array.from(indices, (index) => (index < 0 ? index + size : index));
}

/** Rows are counted anew. */
function resizeGather(site: ResizeSite): void {
  const { node } = site;
  const [x, y] = [site.input(0)!, node.outputs[0]!];
  const axis = node.int('axis', 0);
  const picked = axis < 0 ? axis + site.before(x).length : axis;
  const left = site.left(x, picked);
  const known = site.constant(1);
  if (!left || !known) return;
  const rows = rowsOf(known.toNumbers(), site.before(x)[picked] as number);
  const kept = site.left(y, picked) ?? rows.keys();
  site.setNumbers(
    1,
    Array.from(kept, (index) => left.indexOf(rows[index]!)),
  );
}

function coupleArgument(site: ChannelSite): void {
  const { x, y, node } = site;
  const searched = site.axis(node.int('axis', 0));
  const keep = node.int('keepdims', 1);
  for (let axis = 0; axis < site.rank(x); axis++)
    if (axis === searched) site.freeze(x, axis, 'searches it');
    else site.join([x, axis], [y, keep || axis < searched ? axis : axis - 1]);
}

/** Indices pick along one axis, element by element; along the others each element stays where it is. */
function coupleElements(site: ChannelSite): void {
  const { x, y, node } = site;
  const picked = site.axis(node.int('axis', 0));
  const values = node.inputs.slice(1);
  for (const [axis, size] of site.dims(x).entries())
    if (axis === picked) site.freeze(x, axis, 'picks along it');
    else if (size !== undefined && values.every((value) => site.dims(value)[axis] === size))
      site.join([x, axis], [y, axis], ...values.map((value) => [value, axis] as const));
}

/** Indices [… n] pick blocks along n axes; the axes behind those are the last ones of all that is picked or put. */
function coupleBlocks(site: ChannelSite): void {
  const { x, y, node } = site;
  const indices = site.input(1)!;
  const first = node.int('batch_dims', 0) + site.size(indices, site.rank(indices) - 1);
  const values = [x, y, site.input(2)].filter((value) => value !== undefined);
  for (let axis = site.rank(x) - 1; axis >= first; axis--)
    site.join(...values.map((value) => [value, axis - site.rank(x) + site.rank(value)] as const));
}
