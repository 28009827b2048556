import { describe, expect, it } from 'vitest';
import { inTurns } from '../src/turns.js';

describe('inTurns', () => {
  it('begins a piece of work when the one before is done, failed or not', async () => {
    const inTurn = inTurns();
    const done: string[] = [];
    const work = (name: string, milliseconds: number) => async () => {
      await new Promise((resolve) => setTimeout(resolve, milliseconds));
      done.push(name);
      if (name === 'second') throw new Error(name);
      return name;
    };
    const results = [inTurn(work('first', 20)), inTurn(work('second', 5)), inTurn(work('third', 0))];
    expect(await Promise.allSettled(results)).toMatchObject([
      { value: 'first' },
      { reason: { message: 'second' } },
      { value: 'third' },
    ]);
    expect(done).toEqual(['first', 'second', 'third']);
  });
});
