import type { Tensor } from '../../ir/tensor.js';

/** Smallest scale that is used: the smallest normal float32, below which kernels flush to zero. */
export const MIN_SCALE = 2 ** -126;

/** Real values from `low` to `high` that quantized integers must cover. */
export interface Range {
  low: number;
  high: number;
}

/** The extremes of values; zero for none. */
export function rangeOf(values: Float32Array): Range {
  let low = Number.POSITIVE_INFINITY;
  let high = Number.NEGATIVE_INFINITY;
  for (const v of values) {
    if (v < low) low = v;
    if (v > high) high = v;
  }
  return values.length ? { low, high } : { low: 0, high: 0 };
}

/** False where an end is infinite or NaN, so that no scale covers the range. */
export function isFiniteRange({ low, high }: Range): boolean {
  return Number.isFinite(low) && Number.isFinite(high);
}

/** Scale and zero point of one tensor: `real = scale · (integer − zeroPoint)`. */
export interface QuantParams {
  scale: number;
  zeroPoint: number;
}

/**
 * Scale and zero point that map a range onto uint8. Zero is always representable exactly (Jacob et al. 2018,
 * arXiv 1712.05877, section 2.1), so the range is widened to hold it.
 * @param symmetric puts the zero point at 128 (or 0 where nothing is negative).
 */
export function uint8Params({ low, high }: Range, symmetric = false): QuantParams {
  const min = Math.min(low, 0);
  const max = Math.max(high, 0);
  if (symmetric) {
    const bound = Math.max(-min, max);
    return min < 0
      ? { scale: Math.fround(Math.max(bound / 127, MIN_SCALE)), zeroPoint: 128 }
      : { scale: Math.fround(Math.max(bound / 255, MIN_SCALE)), zeroPoint: 0 };
  }
  const scale = Math.fround(Math.max((max - min) / 255, MIN_SCALE));
  return { scale, zeroPoint: Math.min(255, Math.max(0, roundEven(-min / scale))) };
}

/** The range that `uint8Params` gives this scale and zero point for. */
export function uint8Range({ scale, zeroPoint }: QuantParams, symmetric = false): Range {
  if (symmetric && zeroPoint) return { low: -127 * scale, high: 127 * scale };
  return { low: -zeroPoint * scale, high: (255 - zeroPoint) * scale };
}

/** A weight as int8 with one scale per slice along `axis`, or one for all where `axis` is undefined. */
export interface QuantizedWeight {
  data: Int8Array;
  scales: Float32Array;
  axis: number | undefined;
}

/** How weights become integers. */
export interface WeightOptions {
  /** Output-channel axis; undefined for one scale for the whole tensor. */
  axis?: number | undefined;
  /** Largest integer used: 127, or 63 where 8-bit products would overflow 16-bit sums (no VNNI). */
  limit?: number;
  /** Scales that must not be smaller than these, so that an int32 bias fits. */
  minScales?: Float32Array | undefined;
}

/** Quantizes a weight symmetrically to int8: `scale = max |w| / limit` per slice, round half to even. */
export function quantizeWeight(tensor: Tensor, options: WeightOptions = {}): QuantizedWeight {
  const { axis, limit = 127, minScales } = options;
  const values = tensor.toFloats();
  const slices = axis === undefined ? 1 : tensor.dims[axis]!;
  const inner = axis === undefined ? values.length : tensor.dims.slice(axis + 1).reduce((p, d) => p * d, 1);
  const scales = sliceScales(values, slices, inner, limit, minScales);
  const inverses = Float64Array.from(scales, (scale) => 1 / scale);
  const data = new Int8Array(values.length);
  for (let start = 0, slice = 0; start < values.length; start += inner, slice = slice + 1 === slices ? 0 : slice + 1) {
    const inverse = inverses[slice]!;
    for (let i = start; i < start + inner; i++)
      data[i] = Math.min(limit, Math.max(-limit, roundEven(values[i]! * inverse)));
  }
  return { data, scales, axis };
}

function sliceScales(
  values: Float32Array,
  slices: number,
  inner: number,
  limit: number,
  minScales: Float32Array | undefined,
): Float32Array {
  const bounds = new Float32Array(slices);
  for (let start = 0, slice = 0; start < values.length; start += inner, slice = slice + 1 === slices ? 0 : slice + 1) {
    let bound = bounds[slice]!;
    for (let i = start; i < start + inner; i++) {
      const v = Math.abs(values[i]!);
      if (v > bound) bound = v;
    }
    bounds[slice] = bound;
  }
  return bounds.map((bound, i) => Math.max(bound / limit, minScales?.[i] ?? 0, MIN_SCALE));
}

/** A number as large as this has no bits for a fraction. */
const WHOLE = 1.5 * 2 ** 52;

/** Nearest integer, halves to even, as QuantizeLinear rounds; for magnitudes up to 2⁵¹, beyond which it may be one off. */
export function roundEven(value: number): number {
  return value + WHOLE - WHOLE;
}
