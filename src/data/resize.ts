import type { RawImage } from './types.js';

/** Resampling filters, named as in PIL. */
export type Filter = 'nearest' | 'box' | 'bilinear' | 'hamming' | 'bicubic' | 'lanczos';

/** Filters by PIL's number, which is what `resample` in a `preprocessor_config.json` holds. */
export const PIL_FILTERS: readonly Filter[] = ['nearest', 'lanczos', 'bilinear', 'bicubic', 'box', 'hamming'];

/** A filter's weight at distance `x` (input pixels, scaled), zero beyond `support`. */
interface Kernel {
  support: number;
  weight(x: number): number;
}

function sinc(x: number): number {
  return x === 0 ? 1 : Math.sin(x * Math.PI) / (x * Math.PI);
}

/** Keys' cubic convolution with a = −0.5, as PIL has it (OpenCV and torch take −0.75). */
function cubic(x: number): number {
  const a = -0.5;
  if (x < 1) return ((a + 2) * x - (a + 3)) * x * x + 1;
  return x < 2 ? (((x - 5) * x + 8) * x - 4) * a : 0;
}

const KERNELS: Record<Exclude<Filter, 'nearest'>, Kernel> = {
  box: { support: 0.5, weight: (x) => (x > -0.5 && x <= 0.5 ? 1 : 0) },
  bilinear: { support: 1, weight: (x) => Math.max(0, 1 - Math.abs(x)) },
  hamming: {
    support: 1,
    weight: (x) => (Math.abs(x) >= 1 ? 0 : sinc(x) * (0.54 + 0.46 * Math.cos(Math.PI * x))),
  },
  bicubic: { support: 2, weight: (x) => cubic(Math.abs(x)) },
  lanczos: { support: 3, weight: (x) => (x >= -3 && x < 3 ? sinc(x) * sinc(x / 3) : 0) },
};

/** Fraction bits of the fixed-point weights: 32 less 8 for the pixel and 2 for overshoot (PIL's PRECISION_BITS). */
const FRACTION_BITS = 22;

/** The weights that make one output line: `taps` numbers for each output pixel, from input pixel `first` on. */
interface Weights {
  taps: number;
  first: Int32Array;
  count: Int32Array;
  values: Int32Array;
}

const weightsCache = new Map<string, Weights>();

/** Weights of a filter, widened by the scale when shrinking (that is the antialiasing). */
function weightsOf(filter: Exclude<Filter, 'nearest'>, inSize: number, outSize: number): Weights {
  const key = `${filter} ${inSize} ${outSize}`;
  const known = weightsCache.get(key);
  if (known) return known;
  const { support, weight } = KERNELS[filter];
  const scale = inSize / outSize;
  const stretch = Math.max(scale, 1);
  const reach = support * stretch;
  const taps = Math.ceil(reach) * 2 + 1;
  const made: Weights = {
    taps,
    first: new Int32Array(outSize),
    count: new Int32Array(outSize),
    values: new Int32Array(outSize * taps),
  };
  for (let out = 0; out < outSize; out++) {
    const centre = (out + 0.5) * scale;
    const first = Math.max(0, Math.trunc(centre - reach + 0.5));
    const count = Math.min(inSize, Math.trunc(centre + reach + 0.5)) - first;
    const row = Array.from({ length: count }, (_, tap) => weight((tap + first - centre + 0.5) * (1 / stretch)));
    const total = row.reduce((sum, value) => sum + value, 0);
    made.first[out] = first;
    made.count[out] = count;
    for (const [tap, value] of row.entries()) {
      const share = (total === 0 ? value : value / total) * 2 ** FRACTION_BITS;
      made.values[out * taps + tap] = Math.trunc(share + (share < 0 ? -0.5 : 0.5));
    }
  }
  if (weightsCache.size >= 64) weightsCache.clear();
  weightsCache.set(key, made);
  return made;
}

/**
 * Filters `lines` lines along one axis. Elements of a line lie `step` apart, lines begin `pitch` apart; both for input
 * and output. Rounds to 8 bits; the clamped array cuts what overshoots.
 */
function filterAxis(
  input: Uint8Array,
  output: Uint8ClampedArray,
  weights: Weights,
  lines: number,
  stride: { inStep: number; inPitch: number; outStep: number; outPitch: number },
): void {
  const { taps, first, count, values } = weights;
  const half = 1 << (FRACTION_BITS - 1);
  for (let out = 0; out < first.length; out++) {
    const firstWeight = out * taps;
    const lastWeight = firstWeight + count[out]!;
    const start = first[out]! * stride.inStep;
    for (let line = 0; line < lines; line++) {
      let sum = half;
      let from = start + line * stride.inPitch;
      for (let tap = firstWeight; tap < lastWeight; tap++) {
        sum = (sum + Math.imul(input[from]!, values[tap]!)) | 0;
        from += stride.inStep;
      }
      output[out * stride.outStep + line * stride.outPitch] = sum >> FRACTION_BITS;
    }
  }
}

function filterColumns(image: RawImage, width: number, filter: Exclude<Filter, 'nearest'>): RawImage {
  const { height, channels } = image;
  const data = new Uint8Array(width * height * channels);
  const weights = weightsOf(filter, image.width, width);
  for (let channel = 0; channel < channels; channel++) {
    filterAxis(image.data.subarray(channel), new Uint8ClampedArray(data.buffer, channel), weights, height, {
      inStep: channels,
      inPitch: image.width * channels,
      outStep: channels,
      outPitch: width * channels,
    });
  }
  return { ...image, width, data };
}

function filterRows(image: RawImage, height: number, filter: Exclude<Filter, 'nearest'>): RawImage {
  const row = image.width * image.channels;
  const data = new Uint8Array(row * height);
  const weights = weightsOf(filter, image.height, height);
  filterAxis(image.data, new Uint8ClampedArray(data.buffer), weights, row, {
    inStep: row,
    inPitch: 1,
    outStep: row,
    outPitch: 1,
  });
  return { ...image, height, data };
}

/** Input positions of nearest-neighbour sampling; summed up step by step, whose rounding PIL's results show. */
function nearestPositions(inSize: number, outSize: number): Int32Array {
  const step = inSize / outSize;
  const positions = new Int32Array(outSize);
  let at = step * 0.5;
  for (let out = 0; out < outSize; out++) {
    positions[out] = Math.min(Math.trunc(at), inSize - 1);
    at += step;
  }
  return positions;
}

function nearest(image: RawImage, width: number, height: number): RawImage {
  const { channels } = image;
  const columns = nearestPositions(image.width, width);
  const rows = nearestPositions(image.height, height);
  const data = new Uint8Array(width * height * channels);
  let at = 0;
  for (const y of rows) {
    for (const x of columns) {
      const from = (y * image.width + x) * channels;
      for (let channel = 0; channel < channels; channel++) data[at++] = image.data[from + channel]!;
    }
  }
  return { ...image, width, height, data };
}

/**
 * Resizes an 8-bit image as PIL's `Image.resize` does, value for value: separable filters with antialiasing, columns
 * before rows, 22-bit fixed-point weights and rounding to 8 bits in between (Pillow, libImaging/Resample.c).
 */
export function resize(image: RawImage, width: number, height: number, filter: Filter): RawImage {
  if (image.width === width && image.height === height) return image;
  if (filter === 'nearest') return nearest(image, width, height);
  const narrowed = image.width === width ? image : filterColumns(image, width, filter);
  return image.height === height ? narrowed : filterRows(narrowed, height, filter);
}

/** Where a crop begins when the margins differ by one pixel: towards the top left, or Python's rounding half to even. */
export type CropRounding = 'floor' | 'half-even';

function cropStart(size: number, wanted: number, rounding: CropRounding): number {
  const margin = (size - wanted) / 2;
  const floor = Math.floor(margin);
  return rounding === 'floor' || margin === floor || floor % 2 === 0 ? floor : floor + 1;
}

/**
 * The middle of an image; where the image is smaller, it is padded with black.
 * @param rounding `floor` as Hugging Face's `center_crop`, `half-even` as torchvision's
 */
export function centreCrop(image: RawImage, width: number, height: number, rounding: CropRounding): RawImage {
  if (image.width === width && image.height === height) return image;
  const left = cropStart(image.width, width, image.width < width ? 'floor' : rounding);
  const top = cropStart(image.height, height, image.height < height ? 'floor' : rounding);
  return window(image, left, top, width, height);
}

/** A window of an image; what lies outside the image is black. */
export function window(image: RawImage, left: number, top: number, width: number, height: number): RawImage {
  const { channels } = image;
  const data = new Uint8Array(width * height * channels);
  const from = Math.max(0, left);
  const to = Math.min(image.width, left + width);
  for (let y = Math.max(0, -top); y < height && y + top < image.height; y++) {
    const row = (y + top) * image.width;
    const pixels = image.data.subarray((row + from) * channels, (row + to) * channels);
    data.set(pixels, (y * width + from - left) * channels);
  }
  return { ...image, width, height, data };
}
