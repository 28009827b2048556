import { describe, expect, it } from 'vitest';
import { corrupted } from '../../src/data/corrupt.js';
import { CORRUPTIONS } from '../../src/data/corruptions.js';
import type { Dataset, RawAudio, RawImage, RawSample, SampleKind } from '../../src/data/types.js';

const dataOf = (sample: RawSample): Dataset => ({
  ...{ path: 'data', kind: sample.kind as SampleKind, size: 2 },
  label: (index) => index,
  describe: (index) => `${index}`,
  load: async () => sample,
});

const image = (...data: number[]): RawImage => {
  const side = Math.sqrt(data.length);
  return { kind: 'image', width: side, height: side, channels: 1, data: Uint8Array.from(data) };
};

async function pixelsOf(text: string, sample: RawImage, index = 0, seed = 0): Promise<number[]> {
  const { dataset } = corrupted(dataOf(sample), text, seed);
  return [...((await dataset.load(index)) as RawImage).data];
}

describe('corrupted', () => {
  const dot = image(0, 0, 0, 0, 255, 0, 0, 0, 0);

  it('makes images lighter, greyer, moves and blurs them', async () => {
    expect(await pixelsOf('brightness=0.2', image(0, 100, 200, 250))).toEqual([51, 151, 251, 255]);
    expect(await pixelsOf('contrast=0.5', image(0, 0, 200, 200))).toEqual([50, 50, 150, 150]);
    expect((await pixelsOf('shift=1', dot)).filter(Boolean)).toEqual([255]);
    expect((await pixelsOf('shift=1', dot))[4]).toBe(0);
    const [corner, edge, , , middle] = (await pixelsOf('blur=1', dot)) as [number, number, number, number, number];
    expect(middle).toBeGreaterThan(edge);
    expect(edge).toBeGreaterThan(corner);
    expect(await pixelsOf('blur=1', image(7, 7, 7, 7))).toEqual([7, 7, 7, 7]);
  });

  it('blurs colours channel by channel', async () => {
    const colours: RawImage = {
      ...image(1, 2, 3, 4),
      width: 2,
      height: 2,
      channels: 3,
      data: new Uint8Array(12).fill(9),
    };
    expect(await pixelsOf('blur=1', colours)).toEqual(new Array(12).fill(9));
  });

  it('draws from the seed and the place of a sample alone', async () => {
    const grey = image(...new Array<number>(400).fill(128));
    const noisy = await pixelsOf('noise=0.1', grey);
    const deviation = Math.sqrt(noisy.reduce((sum, pixel) => sum + (pixel - 128) ** 2, 0) / noisy.length);
    expect(deviation).toBeGreaterThan(22);
    expect(deviation).toBeLessThan(29);
    expect(await pixelsOf('noise=0.1', grey)).toEqual(noisy);
    expect(await pixelsOf('noise=0.1', grey, 1)).not.toEqual(noisy);
    expect(await pixelsOf('noise=0.1', grey, 0, 1)).not.toEqual(noisy);
    expect([...grey.data]).toEqual(new Array(400).fill(128));
  });

  it('makes clips softer and noisy', async () => {
    const samples = Float32Array.from({ length: 4000 }, (_, k) => Math.sin(k));
    const load = async (text: string) => {
      const clip: RawAudio = { kind: 'audio', samples, sampleRate: 8000 };
      return ((await corrupted(dataOf(clip), text, 0).dataset.load(0)) as RawAudio).samples;
    };
    expect((await load('gain=-20'))[1]).toBeCloseTo(Math.sin(1) / 10, 6);
    const power = (values: Float32Array) => values.reduce((sum, value) => sum + value ** 2, 0);
    const added = (await load('noise=10')).map((value, k) => value - samples[k]!);
    expect(10 * Math.log10(power(samples) / power(added))).toBeCloseTo(10, 0);
  });

  it('takes several one after the other, and says which', async () => {
    const { description } = corrupted(dataOf(dot), ' brightness, contrast = 0.5', 0);
    expect(description).toBe('brightness=0.3,contrast=0.5');
    expect(await pixelsOf('brightness=1,contrast=0.5', dot)).toEqual(new Array(9).fill(255));
    const inputs = { x: { type: 'float32' as const, dims: [4], data: Float32Array.of(1, 2, 3, 4) } };
    expect(await corrupted(dataOf({ kind: 'arrays', arrays: inputs }), 'noise=1', 0).dataset.load(0)).not.toEqual(
      inputs,
    );
  });

  it.each([
    ['fog', 'image', "--corrupt: there is no corruption 'fog' for image data"],
    ['noise=2', 'image', "--corrupt: noise: '2' is no share from 0 to 1; it adds Gaussian noise"],
    ['noise,noise=0.1', 'image', '--corrupt: noise: is given twice'],
    ['noise', 'text', "there is no corruption 'noise' for text data; leave it out"],
  ] as const)('refuses %s for %s data', (text, kind, message) => {
    expect(() => corrupted({ ...dataOf(dot), kind }, text, 0)).toThrow(message);
  });

  it('has rows whose usual strength is allowed', () => {
    for (const row of Object.values(CORRUPTIONS).flatMap((rows) => Object.values(rows)))
      for (const { least, most, default: usual } of row.parameters) expect(usual >= least && usual <= most).toBe(true);
  });
});
