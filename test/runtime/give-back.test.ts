import { expect, it } from 'vitest';
import { arraysOf, giveBack } from '../../src/runtime/give-back.js';

it('frees the memory of arrays, but for what others need', () => {
  const [own, kept, shared] = [new Float32Array(2), new Float32Array(3), new Float32Array(6)];
  const pooled = Buffer.from('text');
  giveBack([own, own, kept, shared.subarray(3), pooled], [kept.subarray(1)]);
  expect([own.length, kept.length, shared.length, `${pooled}`]).toEqual([0, 3, 6, 'text']);
});

it('arrays of values are those of numbers', () => {
  const x = { type: 'float32', dims: [1], data: Float32Array.of(1) } as const;
  const words = { type: 'string', dims: [1], data: ['a'] } as const;
  expect(arraysOf({ x, words })).toEqual([x.data]);
});
