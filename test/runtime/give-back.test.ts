import { expect, it } from 'vitest';
import { arraysOf, giveBack } from '../../src/runtime/give-back.js';

it('frees the memory of arrays, but for what others need', () => {
  const [own, shared] = [new Float32Array(2), new Float32Array(6)];
  const kept = shared.subarray(0, 3);
  giveBack([own, own.subarray(1), shared.subarray(3)], [kept]);
  expect([own.length, kept.length, own.buffer.byteLength]).toEqual([0, 3, 0]);
});

it('arrays of values are those of numbers', () => {
  const x = { type: 'float32', dims: [1], data: Float32Array.of(1) } as const;
  const words = { type: 'string', dims: [1], data: ['a'] } as const;
  expect(arraysOf({ x, words })).toEqual([x.data]);
});
