import type { TensorValue, TypedArray } from './types.js';

/** What a longer axis is filled with, and on which side. */
export interface Filling {
  fill: number | bigint;
  side: 'left' | 'right';
}

/** A value cut or filled up to a length along an axis, on one side. */
export function resizeAxis(value: TensorValue, axis: number, length: number, { fill, side }: Filling): TensorValue {
  const own = value.dims[axis]!;
  if (own === length) return value;
  const inner = value.dims.slice(axis + 1).reduce((product, dim) => product * dim, 1);
  const outer = value.dims.slice(0, axis).reduce((product, dim) => product * dim, 1);
  const source = value.data as Float32Array;
  const data = new (source.constructor as Float32ArrayConstructor)(outer * length * inner);
  if (own < length) data.fill(fill as number);
  const kept = Math.min(own, length);
  const [from, to] = side === 'left' ? [own - kept, length - kept] : [0, 0];
  for (let row = 0; row < outer; row++) {
    const start = (row * own + from) * inner;
    data.set(source.subarray(start, start + kept * inner), (row * length + to) * inner);
  }
  return { ...value, dims: value.dims.with(axis, length), data: data as TypedArray };
}
