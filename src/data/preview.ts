import type { RawAudio, RawImage, RawSample, RawText } from './types.js';

/** A sample in small, to be shown in a report. */
export type SamplePreview =
  | { kind: 'image'; uri: string; width: number; height: number }
  | { kind: 'text'; text: string; pair?: string }
  | { kind: 'audio'; path: string; seconds: number };

/**
 * Makes a preview: an image of at most 128 pixels a side as a data URI, the beginning of a text, or the waveform of a
 * sound as an SVG path 200 wide and 40 high.
 * @returns undefined for arrays, which can be anything.
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
      return undefined;
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
function audioPreview({ samples, sampleRate }: RawAudio): SamplePreview {
  const loudest = samples.reduce((most, value) => Math.max(most, Math.abs(value)), 0) || 1;
  const y = (value: number) => (WAVE_HEIGHT / 2 - (value / loudest) * (WAVE_HEIGHT / 2 - 1)).toFixed(1);
  const columns = Math.min(WAVE_WIDTH, samples.length);
  const path = Array.from({ length: columns }, (_, column) => {
    const start = Math.floor((column * samples.length) / columns);
    const part = samples.subarray(start, Math.max(start + 1, Math.floor(((column + 1) * samples.length) / columns)));
    const [low, high] = part.reduce(([min, max], value) => [Math.min(min, value), Math.max(max, value)], [1, -1]);
    return `M${Math.round((column * WAVE_WIDTH) / columns)} ${y(high)}V${y(low)}`;
  });
  return { kind: 'audio', path: path.join('') || 'M0 20H200', seconds: samples.length / sampleRate };
}
