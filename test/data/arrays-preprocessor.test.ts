import { describe, expect, it } from 'vitest';
import { arraysPreprocessor } from '../../src/data/arrays-preprocessor.js';
import type { InputSpec } from '../../src/data/types.js';
import type { NamedValues } from '../../src/ir/types.js';

const X: InputSpec = { name: 'x', type: 'float32', dims: ['batch', 2] };
const IDS: InputSpec = { name: 'ids', type: 'int64', dims: ['batch', 'length'] };

const prepare = (inputs: InputSpec[], arrays: NamedValues) =>
  arraysPreprocessor(inputs).prepare({ kind: 'arrays', arrays });

describe('arraysPreprocessor', () => {
  it('matches arrays by name, and a single array to a single input', () => {
    const x = { type: 'float32', dims: [2], data: Float32Array.of(1, 2) } as const;
    const ids = { type: 'int64', dims: [1], data: BigInt64Array.of(5n) } as const;
    expect(prepare([X, IDS], { ids, x })).toEqual({ x, ids });
    expect(prepare([X], { anything: x })).toEqual({ x });
    expect(arraysPreprocessor([X, IDS]).description).toBe('arrays as x float32[batch, 2], ids int64[batch, length]');
  });

  it.each([
    [X, 'uint8', Uint8Array.of(1, 255), Float32Array.of(1, 255)],
    [X, 'float64', Float64Array.of(0.5, 2), Float32Array.of(0.5, 2)],
    [X, 'float16', Uint16Array.of(0x3c00, 0xc100), Float32Array.of(1, -2.5)],
    [IDS, 'int32', Int32Array.of(-1, 2), BigInt64Array.of(-1n, 2n)],
    [{ ...X, type: 'float16' }, 'float32', Float32Array.of(1, -2.5), Uint16Array.of(0x3c00, 0xc100)],
  ] as const)('casts for %j from %s', (input, type, data, expected) => {
    expect(Object.values(prepare([input], { a: { type, dims: [2], data } }) as NamedValues)[0]?.data).toEqual(expected);
  });

  it.each([
    [
      [X, IDS],
      { x: 'float32', extra: 'float32' },
      "there is no array for input 'ids' and no input is named 'extra'; name the arrays",
    ],
    [[IDS], { ids: 'float32' }, "array for input 'ids' is float32, the model takes int64; save it as int64"],
    [
      [{ ...X, dims: ['b', 3] }],
      { x: 'float32' },
      "array for input 'x' has shape [2] per sample, the model takes float32[b, 3]",
    ],
    [[{ ...X, dims: ['b', 2, 1] }], { x: 'float32' }, 'the first axis of the array counts samples'],
    [
      [{ ...X, type: 'float16' }],
      { x: 'float32' },
      "array for input 'x' holds 100000, which is no float16; save values from -65504",
    ],
  ] as [InputSpec[], Record<string, 'float32'>, string][])('refuses what does not fit %j', (inputs, types, message) => {
    const arrays = Object.fromEntries(
      Object.entries(types).map(([name, type]) => [name, { type, dims: [2], data: Float32Array.of(1, 1e5) }]),
    );
    expect(() => prepare(inputs, arrays)).toThrow(message);
  });
});
