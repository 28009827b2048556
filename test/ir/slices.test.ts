import { describe, expect, it } from 'vitest';
import { takeIndices } from '../../src/ir/slices.js';
import { Tensor } from '../../src/ir/tensor.js';

describe('takeIndices', () => {
  const tensor = Tensor.from('t', 'float32', [2, 3, 2], [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11]);

  it('takes rows of any axis, in the order asked for', () => {
    const taken = (axis: number, indices: number[]) => {
      const result = takeIndices(tensor, axis, indices);
      return [result.dims, [...result.values()]];
    };
    expect(taken(0, [1])).toEqual([
      [1, 3, 2],
      [6, 7, 8, 9, 10, 11],
    ]);
    expect(taken(1, [0, 2])).toEqual([
      [2, 2, 2],
      [0, 1, 4, 5, 6, 7, 10, 11],
    ]);
    expect(taken(2, [1, 0])).toEqual([
      [2, 3, 2],
      [1, 0, 3, 2, 5, 4, 7, 6, 9, 8, 11, 10],
    ]);
  });

  it('refuses what is packed below a byte', () => {
    const packed = Tensor.of('p', 'int4', [2, 2], Uint8Array.of(0x21, 0x43));
    expect(() => takeIndices(packed, 0, [1])).toThrow('cannot be sliced');
  });
});
