import { Tensor } from './tensor.js';
import { byteLength, DATA_TYPES, elementCount } from './types.js';

/** The elements of a tensor at some indices of an axis, in the order of the indices. Types of whole bytes only. */
export function takeIndices(tensor: Tensor, axis: number, indices: ArrayLike<number>): Tensor {
  const { dims, type } = tensor;
  const block = byteLength(type, elementCount(dims.slice(axis + 1)));
  const outer = elementCount(dims.slice(0, axis));
  if (tensor.strings || DATA_TYPES[type].bits < 8) throw new TypeError(`tensor ${tensor.name} cannot be sliced`);
  const source = tensor.bytes();
  const target = new Uint8Array(outer * indices.length * block);
  const runs = runsOf(indices);
  let end = 0;
  for (let row = 0; row < outer; row++) {
    const begin = row * dims[axis]! * block;
    for (const [from, to] of runs) {
      target.set(source.subarray(begin + from * block, begin + to * block), end);
      end += (to - from) * block;
    }
  }
  return Tensor.of(tensor.name, type, dims.with(axis, indices.length), target);
}

/** Indices that follow each other, as ranges. */
function runsOf(indices: ArrayLike<number>): [from: number, to: number][] {
  const runs: [number, number][] = [];
  for (let k = 0; k < indices.length; k++) {
    const last = runs.at(-1);
    if (last && last[1] === indices[k]) last[1]++;
    else runs.push([indices[k]!, indices[k]! + 1]);
  }
  return runs;
}
