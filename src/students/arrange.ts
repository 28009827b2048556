import type { Emitter } from '../ir/emitter.js';
import { DATA_TYPES } from '../ir/types.js';
import type { Axis, GridInput } from './input.js';

/**
 * Brings an input to float32, scaled, and to other axes: those that it lacks get length 1, those of length 1 that are not wanted
 * go.
 * @param wanted axes in their order, such as `NCHW`.
 */
export function arranged(g: Emitter, { value, axes: declared, sizes, factor }: GridInput, wanted: string): string {
  let axes = declared;
  let x = value.type === 'float32' ? value.name : g.cast(value.name, DATA_TYPES.float32.code);
  if (factor !== undefined) x = g.mul(x, factor);
  const isFlat = value.dims.length < axes.length;
  if (isFlat) x = g.reshape(x, [-1, ...[...axes.slice(1)].map((axis) => sizes[axis as Axis]!)]);
  const isKept = (axis: string) => wanted.includes(axis);
  const gone = [...axes].flatMap((axis, k) => (isKept(axis) ? [] : [k]));
  if (gone.length) x = g.op('Squeeze', [x, g.ints(gone)]);
  axes = [...axes].filter(isKept).join('');
  const added = [...wanted].filter((axis) => !axes.includes(axis));
  if (added.length) x = g.op('Unsqueeze', [x, g.ints(added.map((_, k) => axes.length + k))]);
  axes += added.join('');
  return g.transpose(
    x,
    [...wanted].map((axis) => axes.indexOf(axis)),
  );
}
