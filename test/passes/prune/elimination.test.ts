import { describe, expect, it } from 'vitest';
import { type Consumer, eliminate } from '../../../src/passes/prune/elimination.js';

const consumer = (covariance: number[], gram: number[], signal = 1, width = 1): Consumer => ({
  covariance: Float64Array.from(covariance),
  gram: Float64Array.from(gram),
  signal,
  width,
});

const losses = (consumers: Consumer[], channels: number) =>
  [...eliminate(consumers, { channels, ridge: 1e-9 })].map((loss) => Math.round(loss * 1e4) / 1e4);

describe('eliminate', () => {
  it('finds what is lost of channels that have nothing to do with one another', () => {
    expect(losses([consumer([1, 0, 0, 4], [1, 0, 0, 1], 5)], 2)).toEqual([0.2, 0.8]);
  });

  it('takes the weights that make up for a channel for what they are then', () => {
    // y = x0 + x1 with x1 = 2·x0: one of them costs nothing, and what is left bears all of E y² = 9.
    const found = losses([consumer([1, 2, 2, 4], [1, 1, 1, 1], 9)], 2);
    expect([...found].sort()).toEqual([0, 1]);
  });

  it('adds up what several consumers lose', () => {
    const [first, second] = [consumer([1, 0, 0, 1], [1, 0, 0, 4]), consumer([1, 0, 0, 1], [2, 0, 0, 0])];
    expect(losses([first, second], 2)).toEqual([3, 4]);
  });

  it('never says that a channel is worth less than one that went before it', () => {
    // x0 and x1 are opposites with a little noise: the first costs little, the other all that is left.
    const found = eliminate([consumer([1, -0.9, -0.9, 1], [1, 1, 1, 1])], { channels: 2, ridge: 1e-9 });
    expect(Math.max(...found)).toBeGreaterThanOrEqual(Math.min(...found));
    expect(Math.min(...found)).toBeCloseTo(0.19, 6);
  });

  it('eliminates all elements of a channel together', () => {
    // Channel 0 holds elements 0 and 1, channel 1 elements 2 and 3, of which 2 is the same as 0.
    const covariance = [1, 0, 1, 0, 0, 1, 0, 0, 1, 0, 1, 0, 0, 0, 0, 9];
    const unit = [1, 0, 0, 0, 0, 1, 0, 0, 0, 0, 1, 0, 0, 0, 0, 1];
    // Without channel 0 element 1 is lost; without channel 1 then E(2·x0)², as element 0 counts twice, and element 3.
    expect(losses([consumer(covariance, unit, 1, 2)], 2)).toEqual([1, 11]);
  });

  it('takes one of each pair of many channels that are the same', () => {
    const [channels, half] = [300, 150];
    const covariance = Array.from({ length: channels ** 2 }, (_, k) =>
      Number(Math.floor(k / channels) % half === (k % channels) % half),
    );
    const gram = Array.from({ length: channels ** 2 }, (_, k) => Number(k % (channels + 1) === 0));
    const found = losses([consumer(covariance, gram, 1)], channels);
    // What is left of a pair gives both of two outputs.
    for (let k = 0; k < half; k++) expect([found[k]!, found[k + half]!].sort()).toEqual([0, 2]);
  });
});
