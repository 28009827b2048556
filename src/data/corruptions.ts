import type { Random } from '../random.js';
import { normal } from '../random.js';
import { looked, withContrast } from './augment/color.js';
import { shifted } from './augment/crop.js';
import { inputNoise } from './augment/input-noise.js';
import type { ItemRow } from './augment/items.js';
import { noise as whiteNoise } from './augment/noise.js';
import { loadSharp } from './image-source.js';
import type { RawArrays, RawAudio, RawImage, RawSample, SampleKind } from './types.js';

/** What a worse world makes of a sample, which it does not write to. */
export type Corruption<Sample extends RawSample = RawSample> = (
  sample: Sample,
  random: Random,
) => RawSample | Promise<RawSample>;

/** A corruption as the table has it, at a strength that is the same for all samples of its kind. */
export interface CorruptionRow extends ItemRow {
  make(strength: number): Corruption;
}

function row<Sample extends RawSample>(
  about: string,
  [name, least, most, usual]: readonly [name: string, least: number, most: number, usual: number],
  make: (strength: number) => Corruption<Sample>,
): CorruptionRow {
  return {
    about,
    parameters: [{ name, least, most, default: usual }],
    make(strength) {
      const corrupt = make(strength);
      return (sample, random) => corrupt(sample as Sample, random);
    },
  };
}

/** Most that a pixel can be. */
const WHITE = 255;

const image: Record<string, CorruptionRow> = {
  noise: row<RawImage>('adds Gaussian noise, as a share of white', ['share', 0, 1, 0.2], (share) => (image, random) => {
    const data = Uint8ClampedArray.from(image.data, (pixel) => pixel + WHITE * share * normal(random));
    return { ...image, data: new Uint8Array(data.buffer) };
  }),
  blur: row<RawImage>(
    'blurs, by a Gaussian of so many pixels',
    ['deviation', 0.3, 100, 1.5],
    (deviation) => async (image) => {
      const { width, height, channels } = image;
      const sharp = await loadSharp();
      const raw = { width, height, channels: channels as 1 | 3 };
      const { data } = await sharp(image.data, { raw })
        .blur({ sigma: deviation, precision: 'float' })
        .raw()
        .toBuffer({ resolveWithObject: true });
      return { ...image, data: onlyChannels(new Uint8Array(data), image) };
    },
  ),
  brightness: row<RawImage>(
    'makes lighter, or darker below 0',
    ['share', -1, 1, 0.3],
    (share) => (image) => looked(image, 1, WHITE * share),
  ),
  contrast: row<RawImage>(
    'multiplies the contrast',
    ['factor', 0, 10, 0.4],
    (factor) => (image) => withContrast(image, factor),
  ),
  shift: row<RawImage>(
    'moves by so many pixels, to a random side and up or down',
    ['pixels', 0, 1024, 3],
    (pixels) => (image, random) => {
      const [dx, dy] = [random, random].map((draw) => Math.round(draw() < 0.5 ? -pixels : pixels)) as [number, number];
      return shifted(image, dx, dy, false);
    },
  ),
};

/** Images come back with three channels where libvips thinks of colours. */
function onlyChannels(data: Uint8Array, { width, height, channels }: RawImage): Uint8Array {
  const found = data.length / (width * height);
  return found === channels ? data : data.filter((_, at) => at % found < channels);
}

const audio: Record<string, CorruptionRow> = {
  noise: row<RawAudio>('adds white noise, at a signal-to-noise ratio', ['dB', -20, 100, 10], (decibels) => {
    const { apply } = whiteNoise.make([decibels, decibels], '', undefined);
    return apply as Corruption<RawAudio>;
  }),
  gain: row<RawAudio>('makes louder, or softer below 0', ['dB', -60, 60, -12], (decibels) => (clip) => ({
    ...clip,
    samples: clip.samples.map((sample) => sample * 10 ** (decibels / 20)),
  })),
};

const arrays: Record<string, CorruptionRow> = {
  noise: row<RawArrays>('adds Gaussian noise, as a share of the standard deviation', ['share', 0, 10, 0.5], (share) => {
    const { apply } = inputNoise.make([share], '', undefined) as {
      apply(values: RawArrays['arrays'], random: Random): RawArrays['arrays'];
    };
    return (sample, random) => ({ ...sample, arrays: apply(sample.arrays, random) });
  }),
};

/** Corruptions of each kind of data, by the name that users write (after Hendrycks and Dietterich 2019, arXiv:1903.12261). */
export const CORRUPTIONS: Readonly<Record<SampleKind, Readonly<Record<string, CorruptionRow>>>> = {
  ...{ image, audio, arrays },
  text: {},
};
