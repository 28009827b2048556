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

const ROUND = 1 << (FRACTION_BITS - 1);

/** Resamples every row; `output` is clamped, which cuts what overshoots. */
function filterColumns(image: RawImage, width: number, filter: Exclude<Filter, 'nearest'>): RawImage {
  const data = new Uint8Array(width * image.height * image.channels);
  const filterRow = image.channels === 3 ? filterRowOf3 : filterRowOfAny;
  const weights = weightsOf(filter, image.width, width);
  for (let y = 0; y < image.height; y++) {
    const input = image.data.subarray(y * image.width * image.channels);
    filterRow(input, new Uint8ClampedArray(data.buffer, y * width * image.channels), weights, image.channels);
  }
  return { ...image, width, data };
}

function filterRowOfAny(input: Uint8Array, output: Uint8ClampedArray, weights: Weights, channels: number): void {
  const { taps, first, count, values } = weights;
  for (let x = 0, at = 0; x < first.length; x++) {
    const last = x * taps + count[x]!;
    for (let channel = 0; channel < channels; channel++) {
      let sum = ROUND;
      for (let tap = x * taps, from = first[x]! * channels + channel; tap < last; tap++, from += channels) {
        sum = (sum + Math.imul(input[from]!, values[tap]!)) | 0;
      }
      output[at++] = sum >> FRACTION_BITS;
    }
  }
}

/** The same for three channels at once, twice as fast. */
function filterRowOf3(input: Uint8Array, output: Uint8ClampedArray, weights: Weights): void {
  const { taps, first, count, values } = weights;
  for (let x = 0, at = 0; x < first.length; x++) {
    const last = x * taps + count[x]!;
    let red = ROUND;
    let green = ROUND;
    let blue = ROUND;
    for (let tap = x * taps, from = first[x]! * 3; tap < last; tap++, from += 3) {
      const weight = values[tap]!;
      red = (red + Math.imul(input[from]!, weight)) | 0;
      green = (green + Math.imul(input[from + 1]!, weight)) | 0;
      blue = (blue + Math.imul(input[from + 2]!, weight)) | 0;
    }
    output[at++] = red >> FRACTION_BITS;
    output[at++] = green >> FRACTION_BITS;
    output[at++] = blue >> FRACTION_BITS;
  }
}

/** Resamples every column, a whole row of sums at a time. */
function filterRows(image: RawImage, height: number, filter: Exclude<Filter, 'nearest'>): RawImage {
  const row = image.width * image.channels;
  const data = new Uint8Array(row * height);
  const output = new Uint8ClampedArray(data.buffer);
  const { taps, first, count, values } = weightsOf(filter, image.height, height);
  const sums = new Int32Array(row);
  for (let y = 0; y < height; y++) {
    sums.fill(ROUND);
    for (let tap = 0; tap < count[y]!; tap++) {
      const weight = values[y * taps + tap]!;
      const from = (first[y]! + tap) * row;
      for (let x = 0; x < row; x++) sums[x]! += Math.imul(image.data[from + x]!, weight);
    }
    for (let x = 0, at = y * row; x < row; x++) output[at++] = sums[x]! >> FRACTION_BITS;
  }
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
