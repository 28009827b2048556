import { describe, expect, it } from 'vitest';
import { classOrder, reorderScores } from '../../src/data/class-order.js';

describe('classOrder', () => {
  it('finds each class among those of another model, however it is spelt', () => {
    expect(classOrder(['cat', 'T-shirt', 'dog'], ['dog', 'bird', 't_shirt', 'cat'])).toEqual([3, 2, 0]);
  });

  it('keeps the order where one of the two has numbers for names', () => {
    expect(classOrder(['cat', 'dog'], ['0', '1'])).toEqual([0, 1]);
    expect(classOrder(['0', '1'], ['cat', 'dog'])).toEqual([0, 1]);
  });

  it('refuses a class that the other does not know', () => {
    expect(() => classOrder(['cat', 'cow'], ['dog', 'cat'])).toThrow(/knows no class 'cow', but dog, cat; name/);
    expect(() => classOrder(['0', '1'], ['a', 'b', 'c'])).toThrow(/knows no class '0'/);
  });

  it('puts the columns of scores in that order', () => {
    expect([...reorderScores(Float32Array.of(1, 2, 3, 4, 5, 6), 3, [2, 0])]).toEqual([3, 1, 6, 4]);
  });
});
