import type { Node } from '../../ir/node.js';
import { encodeNumbers, Tensor } from '../../ir/tensor.js';

/** The largest finite float16. */
export const LARGEST_HALF = 65504;
/** Half of the smallest positive float16: what is smaller becomes 0. */
const SMALLEST_HALF = 2 ** -25;
/** No weight or activation is this large: such a number stands for infinity, as in attention masks. */
export const INFINITE = 1e9;
/** Constants whose rounding error is less than this below their signal lose their meaning in float16. */
const LEAST_SQNR_DB = 40;

/** Inputs that bound or replace values, so that the largest float16 does what a larger number did. */
const BOUNDS: Readonly<Record<string, readonly number[] | 'all'>> = {
  Clip: [1, 2],
  Min: 'all',
  Max: 'all',
  Where: [1, 2],
  Pad: [2],
};

/** Operators in which a number beyond all weights stands for infinity. */
const MASKING: ReadonlySet<string> = new Set(['Add', 'Sub', 'Mul']);

/** What float16 makes of a constant. */
export interface HalfLoss {
  /** `overflow`: finite numbers become infinite. `underflow`: the numbers lose their digits, or vanish. */
  kind: 'overflow' | 'underflow';
  reason: string;
}

/** What a float32 constant loses as float16 at this input of a node; undefined where it fits. */
export function halfLoss(tensor: Tensor, node: Node, input: number): HalfLoss | undefined {
  const least = isBound(node, input) ? LARGEST_HALF : MASKING.has(node.type) ? INFINITE : Number.POSITIVE_INFINITY;
  const floats = tensor.toFloats();
  const bits = new Uint32Array(floats.buffer, floats.byteOffset, floats.length);
  let signal = 0;
  let noise = 0;
  let vanishing = 0;
  for (let i = 0; i < floats.length; i++) {
    const v = floats[i]!;
    const size = Math.abs(v);
    if (size > LARGEST_HALF) {
      if (size >= least || !Number.isFinite(v)) continue;
      const number = v.toPrecision(3);
      return { kind: 'overflow', reason: `its constant ${tensor.name} holds ${number}, beyond ±${LARGEST_HALF}` };
    }
    if (size === 0 || Number.isNaN(v)) continue;
    signal += v * v;
    noise += NOISE[(bits[i]! >>> 23) & 0xff]!;
    if (size < SMALLEST_HALF) vanishing++;
  }
  if (signal === 0 || 10 * Math.log10(signal / noise) >= LEAST_SQNR_DB) return undefined;
  const what = vanishing ? 'holds numbers that float16 makes 0' : 'is too small for the digits of float16';
  return { kind: 'underflow', reason: `its constant ${tensor.name} ${what}` };
}

/** Mean square of the rounding error, step² / 12, by the exponent bits of a float32. */
const NOISE = Float64Array.from(
  { length: 256 },
  (_, exponent) => (2 ** (Math.max(exponent - 127, -14) - 10)) ** 2 / 12,
);

function isBound(node: Node, input: number): boolean {
  const positions = BOUNDS[node.type];
  return positions === 'all' || (positions?.includes(input) ?? false);
}

/** The constant as float16; finite numbers beyond its range become its largest. Converted when it is read. */
export function halfTensor(name: string, tensor: Tensor): Tensor {
  return Tensor.lazy(name, 'float16', tensor.dims, () => {
    const floats = tensor.toFloats().slice();
    for (let i = 0; i < floats.length; i++) {
      const v = floats[i]!;
      if (Math.abs(v) > LARGEST_HALF && Number.isFinite(v)) floats[i] = Math.sign(v) * LARGEST_HALF;
    }
    return encodeNumbers('float16', floats);
  });
}
