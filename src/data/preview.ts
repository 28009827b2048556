import type { TensorValue } from '../ir/types.js';
import { numbersOf } from './array-source.js';
import { type HeatImage, heatImage } from './heat-image.js';
import { createLogMel } from './log-mel.js';
import type { RawArrays, RawAudio, RawImage, RawSample, RawText } from './types.js';

/** A sample in small, to be shown in a report. */
export type SamplePreview =
  | { kind: 'image'; uri: string; width: number; height: number }
  | { kind: 'text'; text: string; pair?: string }
  | { kind: 'audio'; path: string; seconds: number; spectrogram?: HeatImage }
  | { kind: 'arrays'; arrays: ArrayPreview[] };

/** An array in small. */
export interface ArrayPreview {
  name: string;
  /** Its values, the last axis from left to right, all others from top to bottom. */
  image: HeatImage;
  /** Type and shape: `float32 3×32`. */
  shape: string;
}

/**
 * Makes a preview: an image of at most 128 pixels a side as a data URI, the beginning of a text, the waveform of a sound
 * as an SVG path 200 wide and 40 high and its spectrogram, or the first arrays as heat maps.
 * @returns undefined for arrays that hold no numbers.
 */
export async function previewOf(sample: RawSample): Promise<SamplePreview | undefined> {
  switch (sample.kind) {
    case 'image':
      return imagePreview(sample);
    case 'text':
      return textPreview(sample);
    case 'audio':
      return audioPreview(sample);
    case 'arrays':
      return arraysPreview(sample);
  }
}

const IMAGE_SIDE = 128;
/** Up to this side images are kept pixel by pixel. */
const LOSSLESS_SIDE = 64;

async function imagePreview({ data, width, height, channels }: RawImage): Promise<SamplePreview> {
  const { default: sharp } = await import('sharp');
  const small = sharp(data, { raw: { width, height, channels: channels as 1 | 3 } })
    .resize({ width: IMAGE_SIDE, height: IMAGE_SIDE, fit: 'inside', withoutEnlargement: true })
    .webp({ quality: 75, lossless: Math.max(width, height) <= LOSSLESS_SIDE });
  const { data: bytes, info } = await small.toBuffer({ resolveWithObject: true });
  const uri = `data:image/webp;base64,${bytes.toString('base64')}`;
  return { kind: 'image', uri, width: info.width, height: info.height };
}

const TEXT_LENGTH = 400;

function textPreview({ text, pair }: RawText): SamplePreview {
  return { kind: 'text', text: beginning(text), ...(pair !== undefined && { pair: beginning(pair) }) };
}

function beginning(text: string): string {
  const characters = [...text];
  return characters.length <= TEXT_LENGTH ? text : `${characters.slice(0, TEXT_LENGTH - 1).join('')}…`;
}

const WAVE_WIDTH = 200;
const WAVE_HEIGHT = 40;

/** The range of the samples in each column, scaled to the loudest one. */
async function audioPreview({ samples, sampleRate }: RawAudio): Promise<SamplePreview> {
  const loudest = samples.reduce((most, value) => Math.max(most, Math.abs(value)), 0) || 1;
  const y = (value: number) => (WAVE_HEIGHT / 2 - (value / loudest) * (WAVE_HEIGHT / 2 - 1)).toFixed(1);
  const columns = Math.min(WAVE_WIDTH, samples.length);
  const path = Array.from({ length: columns }, (_, column) => {
    const start = Math.floor((column * samples.length) / columns);
    const part = samples.subarray(start, Math.max(start + 1, Math.floor(((column + 1) * samples.length) / columns)));
    const [low, high] = part.reduce(([min, max], value) => [Math.min(min, value), Math.max(max, value)], [1, -1]);
    return `M${Math.round((column * WAVE_WIDTH) / columns)} ${y(high)}V${y(low)}`;
  });
  const spectrogram = await spectrogramOf(samples, sampleRate);
  return {
    kind: 'audio',
    path: path.join('') || 'M0 20H200',
    seconds: samples.length / sampleRate,
    ...(spectrogram && { spectrogram }),
  };
}

/** Seconds that a column of a spectrogram spans, and columns and rows of one. */
const FRAME = 0.025;
const MEL_SIZE = { width: 160, height: 48 };
/** Decibels below the loudest that still show. */
const RANGE = 80;

/** The log-mel spectrogram, low pitches at the bottom; undefined where a clip is shorter than a frame, or silent. */
async function spectrogramOf(samples: Float32Array, sampleRate: number): Promise<HeatImage | undefined> {
  const frameLength = Math.round(FRAME * sampleRate);
  if (frameLength < MEL_SIZE.height || samples.length < frameLength) return undefined;
  const nMels = MEL_SIZE.height;
  const logMel = await createLogMel({
    ...{ sampleRate, frameLength, winLength: frameLength, nFft: 2 ** Math.ceil(Math.log2(frameLength)), nMels },
    ...{ hopLength: Math.max(1, Math.ceil((samples.length - frameLength) / MEL_SIZE.width)) },
    ...{ fMin: 0, fMax: sampleRate / 2, scale: 'slaney', norm: null, straightInMel: false },
    ...{ window: 'hann', periodic: true, center: false, padMode: 'constant', preemphasis: 0, removeDcOffset: true },
    ...{ power: 2, log: 'dB', floor: 1e-12 },
  });
  const frames = logMel.compute(samples);
  const loudest = frames.reduce((most, value) => Math.max(most, value), logMel.silence);
  if (loudest === logMel.silence) return undefined;
  const count = logMel.frames(samples.length);
  const rows = Float32Array.from({ length: frames.length }, (_, at) => {
    const mel = nMels - 1 - Math.floor(at / count);
    return Math.max(frames[(at % count) * nMels + mel]!, loudest - RANGE);
  });
  return heatImage(rows, count, nMels, MEL_SIZE);
}

/** Arrays of a sample that are shown, and the most pixels of one. */
const MOST_ARRAYS = 3;
const ARRAY_SIZE = { width: 160, height: 64 };

async function arraysPreview({ arrays }: RawArrays): Promise<SamplePreview | undefined> {
  const numeric = Object.entries(arrays).filter(([, { data }]) => !Array.isArray(data) && data.length > 0);
  const shown = numeric.slice(0, MOST_ARRAYS).map(([name, array]) => arrayPreview(name, array));
  return shown.length > 0 ? { kind: 'arrays', arrays: await Promise.all(shown) } : undefined;
}

async function arrayPreview(name: string, array: TensorValue): Promise<ArrayPreview> {
  const width = array.dims.at(-1) ?? 1;
  const image = await heatImage(numbersOf(array), width, array.data.length / width, ARRAY_SIZE);
  return { name, image, shape: [array.type, array.dims.join('×')].join(' ').trim() };
}
