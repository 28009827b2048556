import { UserError } from '../errors.js';
import { encodeNumbers } from '../ir/tensor.js';
import { DATA_TYPES, type DataType, isFloat, type TypedArray } from '../ir/types.js';
import type { ImageForm } from '../passes/exits/convert-image.js';
import type { JsonFile } from './beside.js';
import { type ImageConfig, readImageConfig } from './image-config.js';
import { type ImageLayout, imageLayout, type Layout } from './image-layout.js';
import { contain, cover, crop, type ImageStep, pad, type Size, stretch, toGrey } from './image-steps.js';
import type { Filter } from './resize.js';
import { stack } from './stack.js';
import type { InputSpec, Preprocessor, RawImage, RawSample, Stages } from './types.js';

/**
 * What the user says about images; each field overrides what a configuration file says, `resize`, `crop` and
 * `resizeMode` together what it says of sizes.
 */
export interface ImageOptions {
  /** The shorter edge; or height and width. */
  resize?: readonly number[] | undefined;
  /** Size of the centre crop: a square's edge; or height and width. */
  crop?: readonly number[] | undefined;
  /**
   * How to reach the size of `resize` or, without it, the model's: by stretching, by covering it and cropping the
   * middle, or by fitting into it and padding with black.
   */
  resizeMode?: 'stretch' | 'crop' | 'pad' | undefined;
  /** Resampling filter, bilinear by default. */
  interpolation?: Filter | undefined;
  /** Factor of the pixels 0…255; by default 1/255, or 1 where the model scales them itself. */
  scale?: number | undefined;
  /** Subtracted after scaling; one number, or one per channel in the model's order. */
  mean?: readonly number[] | undefined;
  /** Divided by after that. */
  std?: readonly number[] | undefined;
  channels?: 'rgb' | 'bgr' | 'gray' | undefined;
  layout?: 'nchw' | 'nhwc' | undefined;
}

/**
 * Brings images to a model's input: grey or RGB, resized and cropped, scaled and normalised, in the model's layout and
 * type. It does what the configuration file says, overridden by the options; without either, it stretches to the
 * model's size and divides by 255.
 * @param rawPixels true where it does not divide, as the model does so itself
 * @throws UserError where the model takes no single image, the configuration is not understood, or mean and std do not
 * fit the channels; in `prepare` where an image does not get the model's size
 */
export function imagePreprocessor(
  inputs: readonly InputSpec[],
  config?: JsonFile,
  options: ImageOptions = {},
  rawPixels = false,
): Preprocessor {
  const [input] = inputs;
  if (!input || inputs.length > 1) {
    const names = inputs.map((each) => each.name).join(', ');
    throw new UserError(`the model takes ${inputs.length} inputs (${names}), images fill one`, {
      mend: 'give the data as NPZ',
    });
  }
  const layout = imageLayout(input, options.layout?.toUpperCase() as Layout | undefined);
  const plan = planOf(input, layout, config, options, rawPixels);
  const channels = layout.channels ?? (options.channels === 'gray' ? 1 : plan.convertRgb ? 3 : undefined);
  const known = channels && tablesOf(input, channels, plan);
  const stages: Stages = {
    fit(sample) {
      const image = throughSteps(imageOf(sample), plan.steps, channels);
      checkSize(image, layout, config?.path);
      return image;
    },
    encode(sample) {
      const image = imageOf(sample);
      const count = channels ?? image.channels;
      const data = toTensor(image, known ?? tablesOf(input, count, plan), layout.layout, plan.bgr);
      return { [input.name]: { type: input.type, dims: layout.shape(image.height, image.width, count), data } };
    },
  };
  return {
    description: description(input, layout, channels, plan),
    prepare: (sample) => stages.encode(stages.fit(sample)),
    stages,
    form: channels && formOf(input, layout.layout, channels, plan),
    collate: stack,
  };
}

function formOf(input: InputSpec, layout: Layout, channels: number, plan: ImageConfig): ImageForm {
  const { scale, offset, bgr } = plan;
  const [mean, std] = [perChannel(plan.mean, channels, 'mean'), perChannel(plan.std, channels, 'std')];
  return {
    kind: 'image',
    input: input.name,
    type: input.type,
    rank: input.dims.length,
    layout,
    channels,
    bgr: bgr && channels === 3,
    factors: std.map((deviation) => scale / deviation),
    offsets: mean.map((centre, channel) => -(offset + centre) / std[channel]!),
  };
}

function planOf(
  input: InputSpec,
  layout: ImageLayout,
  file: JsonFile | undefined,
  options: ImageOptions,
  rawPixels: boolean,
): ImageConfig {
  const { height, width } = layout;
  const modelSize = height !== undefined && width !== undefined ? { height, width } : undefined;
  const config = file ? readImageConfig(file, modelSize) : defaultConfig(modelSize, rawPixels);
  const sized = [options.resize, options.crop, options.resizeMode].some((option) => option !== undefined);
  const { scale, mean, std } = valuesOf(input.type, config, options);
  return {
    ...config,
    steps: sized ? stepsOf(options, modelSize) : config.steps,
    scale,
    mean,
    std,
    offset: isFloat(input.type) && options.mean === undefined ? config.offset : 0,
    bgr: options.channels ? options.channels === 'bgr' : config.bgr,
    convertRgb:
      config.convertRgb ||
      options.channels === 'rgb' ||
      options.channels === 'bgr' ||
      mean.length === 3 ||
      std.length === 3,
  };
}

function defaultConfig(modelSize: Size | undefined, rawPixels: boolean): ImageConfig {
  const steps = modelSize ? [stretch(modelSize, 'bilinear')] : [];
  const scale = rawPixels ? 1 : 1 / 255;
  return { steps, scale, offset: 0, mean: [0], std: [1], bgr: false, convertRgb: false, notes: [] };
}

function stepsOf(options: ImageOptions, modelSize: Size | undefined): ImageStep[] {
  const { resize, interpolation: filter = 'bilinear' } = options;
  const cropped = options.crop === undefined ? [] : [crop(sizeOf(options.crop), 'half-even')];
  if (options.resizeMode === undefined) {
    if (resize === undefined) return cropped;
    return [(resize.length === 1 ? cover : stretch)(sizeOf(resize), filter), ...cropped];
  }
  const size = resize === undefined ? modelSize : sizeOf(resize);
  if (!size) throw new UserError('the model takes images of any size', { mend: 'name the size: --resize 224x224' });
  if (options.resizeMode === 'pad') return [contain(size, filter), pad(size), ...cropped];
  return options.resizeMode === 'stretch'
    ? [stretch(size, filter), ...cropped]
    : [cover(size, filter), crop(size, 'half-even'), ...cropped];
}

function sizeOf([height = 1, width = height]: readonly number[]): Size {
  return { height, width };
}

/** Integer inputs take the pixels as they are (int8: less 128), unless the options say otherwise. */
function valuesOf(
  type: DataType,
  config: ImageConfig,
  { scale, mean, std }: ImageOptions,
): Pick<ImageConfig, 'scale' | 'mean' | 'std'> {
  if (isFloat(type)) return { scale: scale ?? config.scale, mean: mean ?? config.mean, std: std ?? config.std };
  return { scale: scale ?? 1, mean: mean ?? [type === 'int8' && scale === undefined ? 128 : 0], std: std ?? [1] };
}

/** What each pixel value 0…255 becomes, per channel, in the order of the model's channels. */
function tablesOf(input: InputSpec, channels: number, plan: ImageConfig): TypedArray[] {
  const { scale, offset } = plan;
  const mean = perChannel(plan.mean, channels, 'mean').map(Math.fround);
  const std = perChannel(plan.std, channels, 'std').map(Math.fround);
  if (std.includes(0)) throw new UserError('the std is 0', { mend: 'give a std other than 0, or none' });
  return mean.map((centre, channel) => {
    const values = Array.from({ length: 256 }, (_, pixel) => {
      const scaled = Math.fround(pixel * scale - offset);
      return Math.fround(Math.fround(scaled - centre) / std[channel]!);
    });
    return encodePixels(input, values);
  });
}

function perChannel(values: readonly number[], channels: number, what: string): readonly number[] {
  if (values.length === channels) return values;
  if (values.length === 1) return new Array<number>(channels).fill(values[0]!);
  throw new UserError(`the ${what} has ${values.length} values, the images ${channels} channels`, {
    mend: `give one ${what} per channel, or one for all`,
  });
}

/** Limits of the integer types that are narrower than pixels may become. */
const LIMITS: Partial<Record<DataType, readonly [low: number, high: number]>> = {
  uint8: [0, 255],
  int8: [-128, 127],
  uint16: [0, 65535],
  int16: [-32768, 32767],
};

function encodePixels(input: InputSpec, values: readonly number[]): TypedArray {
  const { type } = input;
  if (isFloat(type)) return encodeNumbers(type, values);
  if (type === 'bool' || !('array' in DATA_TYPES[type])) {
    throw new UserError(`input '${input.name}' is ${type}, which holds no pixels`, { mend: 'give the data as arrays' });
  }
  const [low, high] = LIMITS[type] ?? [Number.MIN_SAFE_INTEGER, Number.MAX_SAFE_INTEGER];
  return encodeNumbers(
    type,
    values.map((value) => Math.min(high, Math.max(low, Math.round(value)))),
  );
}

function imageOf(sample: RawSample): RawImage {
  if (sample.kind === 'image') return sample;
  throw new UserError(`holds ${sample.kind}, not images`);
}

function throughSteps(image: RawImage, steps: readonly ImageStep[], channels: number | undefined): RawImage {
  if (image.channels !== 1 && image.channels !== 3) {
    throw new UserError(`the image has ${image.channels} channels`, { mend: 'give greyscale or RGB images' });
  }
  return steps.reduce((made, step) => step.apply(made), channels === 1 ? toGrey(image) : image);
}

function checkSize(image: Size, layout: ImageLayout, file: string | undefined): void {
  const { height = image.height, width = image.width } = layout;
  if (image.height === height && image.width === width) return;
  throw new UserError(`the image is ${image.height}×${image.width}, the model takes ${height}×${width}`, {
    mend: file ? `mend the size in ${file}, or override it: --resize` : 'name the size that the model takes: --resize',
  });
}

/** Looks the pixels up in the tables; a grey image gives its value to every channel. */
function toTensor(image: RawImage, tables: readonly TypedArray[], layout: Layout, bgr: boolean): TypedArray {
  const count = image.width * image.height;
  const channels = tables.length;
  const Values = tables[0]!.constructor as Float32ArrayConstructor;
  const output = new Values(count * channels);
  const [step, pitch] = layout === 'NCHW' ? [1, count] : [channels, 1];
  for (let channel = 0; channel < channels; channel++) {
    const table = tables[channel] as Float32Array;
    const source = image.channels === 1 ? 0 : bgr ? channels - 1 - channel : channel;
    const from = image.data.subarray(source);
    for (let pixel = 0, at = channel * pitch, next = 0; pixel < count; pixel++, at += step, next += image.channels) {
      output[at] = table[from[next]!]!;
    }
  }
  return output;
}

function description(input: InputSpec, layout: ImageLayout, channels: number | undefined, plan: ImageConfig): string {
  const plain = (values: readonly number[], neutral: number) => values.every((value) => value === neutral);
  const list = (values: readonly number[]) => values.map((value) => Number(value.toPrecision(6))).join(' ');
  const scale = Math.abs(plan.scale * 255 - 1) < 1e-9 ? 'pixels / 255' : `pixels × ${list([plan.scale])}`;
  return [
    channels === undefined ? undefined : channels === 1 ? 'grey' : plan.bgr ? 'BGR' : 'RGB',
    ...plan.steps.map((step) => step.text),
    plan.scale === 1 ? 'pixels 0…255' : scale,
    plan.offset === 0 ? undefined : `minus ${plan.offset}`,
    plain(plan.mean, 0) ? undefined : `minus mean ${list(plan.mean)}`,
    plain(plan.std, 1) ? undefined : `divided by std ${list(plan.std)}`,
    `${layout.layout} ${input.type}`,
    ...plan.notes,
  ]
    .filter((part) => part !== undefined)
    .join(', ');
}
