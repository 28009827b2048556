import { describe, expect, it } from 'vitest';
import type { JsonFile } from '../../src/data/beside.js';
import { type ImageOptions, imagePreprocessor } from '../../src/data/image-preprocessor.js';
import type { InputSpec, RawImage } from '../../src/data/types.js';
import type { DataType, NamedValues } from '../../src/ir/types.js';
import { picture } from './picture.js';

type Dims = InputSpec['dims'];

const input = (dims: Dims, type: DataType = 'float32'): InputSpec => ({ name: 'x', type, dims });
const config = (value: Record<string, unknown>): JsonFile => ({ path: 'preprocessor_config.json', value });

/** An image of the pixels given, interleaved. */
function image(width: number, channels: number, ...data: number[]): RawImage {
  return { kind: 'image', width, height: data.length / width / channels, channels, data: Uint8Array.from(data) };
}

function prepare(spec: InputSpec, sample: RawImage, file?: JsonFile, options?: ImageOptions) {
  return (imagePreprocessor([spec], file, options).prepare(sample) as NamedValues).x!;
}

describe('imagePreprocessor', () => {
  it('divides by 255 where nothing is said', () => {
    const { description, prepare } = imagePreprocessor([input(['n', 1, 1, 2])]);
    expect(description).toBe('grey, resize to 1×2 bilinear, pixels / 255, NCHW float32');
    expect(prepare(image(2, 1, 0, 51))).toEqual({
      x: { type: 'float32', dims: [1, 1, 2], data: Float32Array.of(0, Math.fround(0.2)) },
    });
  });

  it('leaves pixels as they are for a model that scales them itself, where nothing else is said', () => {
    const said = (file?: JsonFile, options?: ImageOptions) =>
      imagePreprocessor([input(['n', 1, 1, 2])], file, options, true).description;
    expect(said()).toBe('grey, resize to 1×2 bilinear, pixels 0…255, NCHW float32');
    expect(said(undefined, { scale: 1 / 255 })).toContain('pixels / 255');
    expect(said(config({ do_rescale: true }))).toContain('pixels / 255');
  });

  it('lays channels out as the model has them', () => {
    const values = (dims: Dims, options: ImageOptions) => [
      ...(prepare(input(dims), image(2, 3, 1, 2, 3, 4, 5, 6), undefined, { scale: 1, ...options })
        .data as Float32Array),
    ];
    expect(values(['n', 3, 1, 2], {})).toEqual([1, 4, 2, 5, 3, 6]);
    expect(values(['n', 1, 2, 3], { layout: 'nhwc' })).toEqual([1, 2, 3, 4, 5, 6]);
    expect(values(['n', 1, 2, 3], { layout: 'nhwc', channels: 'bgr' })).toEqual([3, 2, 1, 6, 5, 4]);
  });

  it("turns colour into PIL's grey, and grey into colour", () => {
    const plain = { scale: 1 };
    const grey = prepare(input(['n', 1, 2, 'w']), picture(3, 2, 3, 5), undefined, plain);
    expect([...(grey.data as Float32Array)]).toEqual([135, 183, 72, 80, 138, 147]);
    const colour = prepare(input(['n', 3, 1, 2]), image(2, 1, 7, 9), undefined, plain);
    expect([...(colour.data as Float32Array)]).toEqual([7, 9, 7, 9, 7, 9]);
  });

  // numpy: x = (crop.astype("f8") * (1 / 255)).astype("f4"); (x - f4(mean)) / f4(std), after PIL's resize((26, 20), 3)
  it('does what a Hugging Face configuration says, bit for bit', () => {
    const clip = config({
      image_processor_type: 'CLIPImageProcessor',
      do_resize: true,
      size: { shortest_edge: 20 },
      resample: 3,
      do_center_crop: true,
      crop_size: { height: 16, width: 16 },
      do_rescale: true,
      rescale_factor: 1 / 255,
      do_normalize: true,
      image_mean: [0.485, 0.456, 0.406],
      image_std: [0.229, 0.224, 0.225],
      do_convert_rgb: true,
    });
    const { dims, data } = prepare(input(['n', 'channels', 'h', 'w']), picture(40, 30, 3, 9), clip);
    const values = data as Float32Array;
    expect(dims).toEqual([3, 16, 16]);
    expect([0, 1, 255, 256, 700, 767].map((at) => values[at])).toEqual([
      -0.3198048174381256, 0.6220567226409912, 0.19393789768218994, 0.327731192111969, -0.7935511469841003,
      0.25220051407814026,
    ]);
    expect(values.reduce((sum, value) => sum + value, 0)).toBeCloseTo(189.31015147082508, 9);
  });

  it.each([
    [{ size: 224, resample: 2 }, 'resize to 224×224 bilinear'],
    [{ image_processor_type: 'CLIPFeatureExtractor', size: 224, resample: 3 }, 'resize shorter edge to 224 bicubic'],
    [{ size: [200, 100], resample: 0 }, 'resize to 200×100 nearest'],
    [
      { size: { shortest_edge: 800, longest_edge: 1333 }, resample: 2 },
      'resize shorter edge to 800, longer at most 1333 bilinear',
    ],
    [{ size: { longest_edge: 1024 }, resample: 1 }, 'resize longer edge to 1024 lanczos'],
    [
      { size: { shortest_edge: 224 }, crop_pct: 0.875, resample: 3 },
      'resize shorter edge to 256 bicubic, centre crop 224×224',
    ],
    [{ size: { shortest_edge: 384 }, crop_pct: 0.875, resample: 3 }, 'resize to 384×384 bicubic'],
    [
      { image_processor_type: 'LevitImageProcessor', size: { shortest_edge: 224 }, resample: 3 },
      'resize shorter edge to 256 bicubic',
    ],
    [{ do_resize: false, do_center_crop: true, crop_size: 96 }, 'centre crop 96×96'],
    [{ do_resize: false, do_pad: true }, 'do_pad left out: images of one size need no padding'],
    [{ do_resize: false, do_rescale: false }, 'pixels 0…255'],
    [{ do_resize: false, rescale_factor: 1 / 127.5, rescale_offset: true }, 'pixels × 0.00784314, minus 1'],
    [{ do_flip_channel_order: true }, 'BGR'],
    [
      {
        pretrained_cfg: { input_size: [3, 240, 240], interpolation: 'bicubic', crop_pct: 0.9, mean: [0.5], std: [0.5] },
      },
      'resize shorter edge to 266 bicubic, centre crop 240×240',
    ],
  ])('understands %j', (value, text) => {
    expect(imagePreprocessor([input(['n', 3, 'h', 'w'])], config(value)).description).toContain(text);
  });

  it.each([
    [{ resize: [256], crop: [224] }, 'resize shorter edge to 256 bilinear, centre crop 224×224'],
    [{ resize: [192, 224], interpolation: 'bicubic' }, 'resize to 192×224 bicubic'],
    [{ resizeMode: 'crop' }, 'resize shorter edge to 64 bilinear, centre crop 64×64'],
    [{ resizeMode: 'pad', resize: [96] }, 'resize longer edge to 96 bilinear, pad to 96×96'],
    [{ mean: [0.5], std: [0.25] }, 'minus mean 0.5, divided by std 0.25'],
  ] as [ImageOptions, string][])('lets options %j override the configuration', (options, text) => {
    const file = config({ size: 32, image_mean: [0.1], image_std: [0.2] });
    expect(imagePreprocessor([input(['n', 3, 64, 64])], file, options).description).toContain(text);
  });

  it('pads with black around the middle', () => {
    const { data } = prepare(input(['n', 3, 4]), image(4, 1, 9, 9, 9, 9), undefined, { scale: 1, resizeMode: 'pad' });
    expect([...(data as Float32Array)]).toEqual([0, 0, 0, 0, 9, 9, 9, 9, 0, 0, 0, 0]);
  });

  it.each([
    ['uint8', {}, Uint8Array.of(0, 200)],
    ['int8', {}, Int8Array.of(-128, 72)],
    ['int32', {}, Int32Array.of(0, 200)],
    ['int8', { scale: 0.5, mean: [1] }, Int8Array.of(-1, 99)],
    ['uint8', { mean: [10] }, Uint8Array.of(0, 190)],
    ['float16', { scale: 0.5 }, Uint16Array.of(0, 0x5640)],
  ] as const)('writes %s with %j', (type, options, data) => {
    expect(prepare(input(['n', 1, 1, 2], type), image(2, 1, 0, 200), undefined, options).data).toEqual(data);
  });

  it('stacks samples', () => {
    const { prepare, collate } = imagePreprocessor([input(['n', 1, 1])], undefined, { scale: 1 });
    const samples = [image(1, 1, 3), image(1, 1, 4)].map((sample) => prepare(sample) as NamedValues);
    expect(collate(samples)).toEqual({ x: { type: 'float32', dims: [2, 1, 1], data: Float32Array.of(3, 4) } });
  });

  it.each([
    [{ size: { edge: 3 } }, 'preprocessor_config.json: size: is not understood'],
    [{ resample: 9 }, 'preprocessor_config.json: resample: is not understood'],
    [{ do_normalize: true }, 'preprocessor_config.json: do_normalize needs image_mean and image_std'],
    [{ do_resize: true }, 'preprocessor_config.json: do_resize needs a size'],
    [{ sampling_rate: 16000 }, 'preprocessor_config.json: describes audio, the data are images'],
    [{ image_mean: [1, 2], image_std: [1] }, 'the mean has 2 values, the images 3 channels'],
    [{ image_mean: [1], image_std: [0] }, 'the std is 0'],
  ])('refuses the configuration %j', (value, message) => {
    expect(() => imagePreprocessor([input(['n', 3, 'h', 'w'])], config(value))).toThrow(message);
  });

  it('refuses what does not fit the model', () => {
    const spec = input(['n', 1, 4, 4]);
    expect(() => prepare(spec, image(2, 1, 1, 2), config({ do_resize: false }))).toThrow(
      'the image is 1×2, the model takes 4×4; mend the size in preprocessor_config.json, or override it: --resize',
    );
    expect(() => prepare(spec, image(1, 2, 1, 2))).toThrow('the image has 2 channels; give greyscale or RGB images');
    expect(() => prepare(input(['n', 1, 4, 4], 'bool'), image(1, 1, 1))).toThrow(
      "input 'x' is bool, which holds no pixels",
    );
    expect(() => imagePreprocessor([spec, { ...spec, name: 'mask' }])).toThrow(
      'the model takes 2 inputs (x, mask), images fill one',
    );
  });
});
