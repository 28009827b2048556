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

  it('leaves arrays alone', async () => {
    expect(await previewOf({ kind: 'arrays', arrays: {} })).toBeUndefined();
  });
});
