import sharp from 'sharp';
import { describe, expect, it } from 'vitest';
import { previewOf, type SamplePreview } from '../../src/data/preview.js';
import type { RawImage } from '../../src/data/types.js';

type ImagePreview = Extract<SamplePreview, { kind: 'image' }>;

async function previewOfImage(image: Omit<RawImage, 'kind'>) {
  const preview = (await previewOf({ kind: 'image', ...image })) as ImagePreview;
  const bytes = Buffer.from(preview.uri.replace('data:image/webp;base64,', ''), 'base64');
  return { preview, bytes };
}

describe('previewOf', () => {
  it('keeps small images pixel by pixel', async () => {
    const data = Uint8Array.from({ length: 12 }, (_, index) => 20 * index);
    const { preview, bytes } = await previewOfImage({ width: 4, height: 3, channels: 1, data });
    expect([preview.width, preview.height]).toEqual([4, 3]);
    const grey = await sharp(bytes).greyscale().raw().toBuffer();
    expect([...grey]).toEqual([...data]);
  });

  it('makes large images small, their shape kept', async () => {
    const data = new Uint8Array(400 * 100 * 3).fill(90);
    const { preview, bytes } = await previewOfImage({ width: 400, height: 100, channels: 3, data });
    expect([preview.width, preview.height]).toEqual([128, 32]);
    expect(bytes.length).toBeLessThan(1000);
  });

  it('gives the beginning of a text, and of both of a pair', async () => {
    expect(await previewOf({ kind: 'text', text: 'Where is my card?' })).toEqual({
      kind: 'text',
      text: 'Where is my card?',
    });
    const pair = await previewOf({ kind: 'text', text: '😀'.repeat(500), pair: 'short' });
    expect(pair).toEqual({ kind: 'text', text: `${'😀'.repeat(399)}…`, pair: 'short' });
  });

  it('draws the range of a sound in each column, the loudest as high as there is room', async () => {
    const samples = Float32Array.from(
      { length: 400 },
      (_, index) => (index % 2 ? -0.25 : 0.25) * (index < 200 ? 1 : 0.5),
    );
    const preview = await previewOf({ kind: 'audio', samples, sampleRate: 8000 });
    expect(preview).toMatchObject({ kind: 'audio', seconds: 0.05 });
    const { path } = preview as Extract<SamplePreview, { kind: 'audio' }>;
    const columns = path.split('M').slice(1);
    expect(columns).toHaveLength(200);
    expect([columns[0], columns[99], columns[100], columns[199]]).toEqual([
      '0 1.0V39.0',
      '99 1.0V39.0',
      '100 10.5V29.5',
      '199 10.5V29.5',
    ]);
  });

  it('draws silence and nothing too', async () => {
    const silence = await previewOf({ kind: 'audio', samples: new Float32Array(2), sampleRate: 1 });
    expect(silence).toEqual({ kind: 'audio', path: 'M0 20.0V20.0M100 20.0V20.0', seconds: 2 });
    const nothing = await previewOf({ kind: 'audio', samples: new Float32Array(0), sampleRate: 1 });
    expect(nothing).toEqual({ kind: 'audio', path: 'M0 20H200', seconds: 0 });
  });

  it('draws the spectrogram of a sound: time from left to right, high pitches at the top', async () => {
    const rate = 16_000;
    const pitch = (at: number) => (at < rate / 2 ? 200 : 6000);
    const samples = Float32Array.from({ length: rate }, (_, at) => Math.sin((2 * Math.PI * pitch(at) * at) / rate));
    const preview = await previewOf({ kind: 'audio', samples, sampleRate: rate });
    const { spectrogram } = preview as Extract<SamplePreview, { kind: 'audio' }>;
    expect(spectrogram).toMatchObject({ width: 160, height: 48 });
    const pixels = await greysOf(spectrogram!.uri);
    const brightestRow = (column: number) => {
      const rows = Array.from({ length: 48 }, (_, row) => pixels[row * 160 + column]!);
      return rows.indexOf(Math.max(...rows));
    };
    expect(brightestRow(40)).toBeGreaterThan(40);
    expect(brightestRow(120)).toBeLessThan(10);
    expect(Buffer.byteLength(spectrogram!.uri)).toBeLessThan(6000);
  });

  it('draws arrays as heat maps, the least value black and the greatest white', async () => {
    const data = Float32Array.from({ length: 320 * 8 }, (_, at) => (at % 320 < 160 ? -3 : 5));
    const preview = await previewOf({
      kind: 'arrays',
      arrays: {
        x: { type: 'float32', dims: [2, 4, 320], data },
        length: { type: 'int64', dims: [], data: BigInt64Array.of(7n) },
        name: { type: 'string', dims: [1], data: ['a'] },
      },
    });
    const { arrays } = preview as Extract<SamplePreview, { kind: 'arrays' }>;
    expect(arrays.map(({ name, shape, image: { width, height } }) => [name, shape, width, height])).toEqual([
      ['x', 'float32 2×4×320', 160, 8],
      ['length', 'int64', 1, 1],
    ]);
    const pixels = await greysOf(arrays[0]!.image.uri);
    expect(pixels[10]).toBeLessThan(10);
    expect(pixels[150]).toBeGreaterThan(245);
  });

  it('draws what is not finite too, and nothing of texts', async () => {
    const data = Float32Array.of(Number.NaN, 1, Number.POSITIVE_INFINITY, 2);
    const odd = await previewOf({ kind: 'arrays', arrays: { x: { type: 'float32', dims: [4], data } } });
    expect(odd).toMatchObject({ arrays: [{ image: { width: 4, height: 1 } }] });
    expect(await previewOf({ kind: 'arrays', arrays: {} })).toBeUndefined();
  });
});

async function greysOf(uri: string): Promise<Buffer> {
  const bytes = Buffer.from(uri.replace('data:image/webp;base64,', ''), 'base64');
  return sharp(bytes).greyscale().raw().toBuffer();
}
