import { expect, it } from 'vitest';
import { countNumbers } from '../../src/runtime/counting.js';

it('counts how often each number occurs, at any length', () => {
  for (const length of [0, 1, 3, 4, 5, 11]) {
    const numbers = Uint16Array.from({ length }, (_, k) => (k * k) % 7);
    const expected = [0, 1, 2, 3, 4, 5, 6].map((number) => numbers.filter((one) => one === number).length);
    expect([...countNumbers(numbers, 7)]).toEqual(expected);
  }
});
