import { describe, expect, it } from 'vitest';
import { imagePreprocessor } from '../../../src/data/image-preprocessor.js';
import type { RawImage } from '../../../src/data/types.js';
import { convertImage, type ImageForm, type Sizes } from '../../../src/passes/exits/convert-image.js';
import { emitted } from './run.js';

type Model = Parameters<typeof imagePreprocessor>;

const floats = (dims: readonly number[], options: Model[2] = {}, type: 'float32' | 'uint8' = 'float32') =>
  imagePreprocessor([{ name: 'x', type, dims: ['n', ...dims] }], undefined, options);

const SIZES: Sizes = { from: [4, 4], to: [4, 4] };

/** What the second model takes of a picture, computed from what the first takes, and as it takes it itself. */
async function converted(from: ReturnType<typeof floats>, to: ReturnType<typeof floats>, channels = 3, sizes = SIZES) {
  const data = Uint8Array.from({ length: 16 * channels }, (_, k) => (37 * k * k + 11 * k) % 256);
  const image: RawImage = { kind: 'image', width: 4, height: 4, channels, data };
  const [given, wanted] = [from.collate([await from.prepare(image)]), to.collate([await to.prepare(image)])];
  const { dims, values } = await emitted(
    (g) => convertImage(g, 'x', from.form as ImageForm, to.form as ImageForm, sizes, 'resize'),
    given.x!.dims,
    Array.from(given.x!.data as Float32Array),
    given.x!.type,
  );
  expect(dims).toEqual(wanted.x!.dims);
  return { values, wanted: Array.from(wanted.x!.data as Float32Array) };
}

const close = ({ values, wanted }: Awaited<ReturnType<typeof converted>>, most = 1e-5) => {
  for (const [k, value] of values.entries()) expect(Math.abs(value - wanted[k]!)).toBeLessThanOrEqual(most);
};

const IMAGENET = { mean: [0.485, 0.456, 0.406], std: [0.229, 0.224, 0.225] };

describe('convertImage', () => {
  it('changes the layout', async () => close(await converted(floats([3, 4, 4]), floats([4, 4, 3]))));

  it('changes the normalization of each channel, and the order of the channels', async () =>
    close(
      await converted(floats([3, 4, 4], IMAGENET), floats([3, 4, 4], { channels: 'bgr', mean: [0.5], std: [0.5] })),
    ));

  it('makes pixels of floats, and floats of pixels', async () => {
    close(await converted(floats([4, 4, 3], IMAGENET), floats([4, 4, 3], {}, 'uint8')), 0);
    close(await converted(floats([4, 4, 3], {}, 'uint8'), floats([3, 4, 4], IMAGENET)));
  });

  it('makes grey images of colours, to one step of 255', async () =>
    close(await converted(floats([3, 4, 4], IMAGENET), floats([1, 4, 4])), 1 / 255));

  it('takes and gives images without axis of channels, and flattened ones', async () => {
    close(await converted(floats([4, 4]), floats([1, 4, 4], { mean: [0.3], std: [0.2] }), 1));
    close(await converted(floats([16]), floats([4, 4]), 1));
    close(await converted(floats([1, 4, 4]), floats([16]), 1));
  });

  it('makes small images of larger ones, about as they are made of the original', async () => {
    const { values, wanted } = await converted(floats([3, 4, 4]), floats([3, 2, 2]), 3, { from: [4, 4], to: [2, 2] });
    for (const [k, value] of values.entries()) expect(Math.abs(value - wanted[k]!)).toBeLessThan(0.01);
  });

  it('refuses to make up colours', async () => {
    await expect(converted(floats([1, 4, 4]), floats([3, 4, 4]))).rejects.toThrow('takes colours');
  });
});
