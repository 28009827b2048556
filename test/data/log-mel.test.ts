import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { createLogMel, type LogMelSettings } from '../../src/data/log-mel.js';
import { melBank } from '../../src/data/mel-scale.js';
import { signal } from './recorded/audio.js';

const SETTINGS: LogMelSettings = {
  sampleRate: 8000,
  nFft: 256,
  nMels: 4,
  fMin: 0,
  fMax: 4000,
  scale: 'htk',
  norm: null,
  straightInMel: false,
  frameLength: 200,
  winLength: 200,
  hopLength: 80,
  window: 'hann',
  periodic: true,
  center: false,
  padMode: 'reflect',
  preemphasis: 0,
  removeDcOffset: false,
  power: 2,
  log: 'log',
  floor: 1e-6,
};

describe('melBank', () => {
  it('has triangles that add up to one between the first and the last peak', () => {
    fc.assert(
      fc.property(fc.integer({ min: 2, max: 40 }), fc.constantFrom('htk', 'kaldi', 'slaney'), (nMels, scale) => {
        const sums = new Float64Array(129);
        const bank = melBank({ ...SETTINGS, nMels, scale });
        for (const { first, weights } of bank)
          for (const [at, weight] of weights.entries()) sums[first + at]! += weight;
        const peaks = [bank[0]!, bank.at(-1)!].map(
          ({ first, weights }) => first + weights.indexOf(Math.max(...weights)),
        );
        for (let bin = peaks[0]! + 1; bin < peaks[1]!; bin++) expect(sums[bin]).toBeCloseTo(1, 10);
      }),
    );
  });

  it('is empty where a filter is narrower than a bin', () => {
    const [narrow] = melBank({ ...SETTINGS, nFft: 16, nMels: 40 });
    expect(narrow!.weights.length).toBe(0);
  });
});

describe('createLogMel', () => {
  it('counts frames: none below one frame, then one every hop', async () => {
    const { frames, samples } = await createLogMel(SETTINGS);
    expect([199, 200, 279, 280, 8000].map(frames)).toEqual([0, 1, 1, 2, 98]);
    expect([samples(1), samples(98)]).toEqual([200, 7960]);
  });

  it('gives the floor for silence', async () => {
    const { compute, silence } = await createLogMel(SETTINGS);
    expect([...compute(new Float32Array(200))]).toEqual(new Array(4).fill(Math.fround(Math.log(1e-6))));
    expect(silence).toBe(Math.log(1e-6));
  });

  it('puts a tone into the filter around its frequency', async () => {
    const tone = Float32Array.from({ length: 200 }, (_, n) => Math.sin((2 * Math.PI * 1000 * n) / 8000));
    const values = [...(await createLogMel({ ...SETTINGS, nMels: 10 })).compute(tone)];
    // 10 filters over 0…2146 mel peak every 195 mel; 1000 Hz is 1000 mel: the fifth
    expect(values.indexOf(Math.max(...values))).toBe(4);
  });

  it('mirrors clips that are shorter than half a frame', async () => {
    const centred = await createLogMel({ ...SETTINGS, center: true });
    expect(centred.compute(signal(30)).length).toBe(centred.frames(30) * 4);
    expect([...centred.compute(signal(1))].every(Number.isFinite)).toBe(true);
  });
});
