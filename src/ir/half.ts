const scratch = new DataView(new ArrayBuffer(4));

/** The IEEE 754 binary16 bit pattern nearest to a number, ties to even; overflow becomes infinity. */
export function halfFromFloat(value: number): number {
  return halfFromFloatBits(stickyFloatBits(value));
}

/** The binary16 bit patterns nearest to float32 numbers. */
export function halvesFromFloats(values: Float32Array): Uint16Array {
  const bits = new Uint32Array(values.buffer, values.byteOffset, values.length);
  const halves = new Uint16Array(values.length);
  for (let i = 0; i < bits.length; i++) halves[i] = halfFromFloatBits(bits[i]!);
  return halves;
}

function halfFromFloatBits(bits: number): number {
  const sign = (bits >>> 16) & 0x8000;
  const exponent = (bits >>> 23) & 0xff;
  const mantissa = bits & 0x7fffff;
  if (exponent === 0xff) return sign | 0x7c00 | (mantissa ? 0x200 : 0);
  const shifted = exponent - 112;
  if (shifted >= 31) return sign | 0x7c00;
  if (shifted <= 0) {
    if (shifted < -10) return sign;
    return sign | roundShift(mantissa | 0x800000, 14 - shifted);
  }
  return sign | ((shifted << 10) + roundShift(mantissa, 13));
}

/**
 * The float32 bits of a number, rounded to odd where they are not exact, so that rounding them further gives the same
 * as rounding the number itself (Boldo and Melquiond 2008, "Emulation of FMA and correctly rounded sums").
 */
function stickyFloatBits(value: number): number {
  scratch.setFloat32(0, value);
  const bits = scratch.getUint32(0);
  const single = scratch.getFloat32(0);
  if (single === value || Number.isNaN(value)) return bits;
  return (Math.abs(single) > Math.abs(value) ? bits - 1 : bits) | 1;
}

function roundShift(value: number, shift: number): number {
  const half = 1 << (shift - 1);
  const low = value & ((1 << shift) - 1);
  const high = value >>> shift;
  return low > half || (low === half && high & 1) ? high + 1 : high;
}

/** The number that an IEEE 754 binary16 bit pattern stands for. */
export function floatFromHalf(bits: number): number {
  const sign = bits & 0x8000 ? -1 : 1;
  const exponent = (bits >>> 10) & 31;
  const mantissa = bits & 0x3ff;
  if (exponent === 31) return mantissa ? Number.NaN : sign * Number.POSITIVE_INFINITY;
  return exponent === 0 ? sign * mantissa * 2 ** -24 : sign * (1 + mantissa / 1024) * 2 ** (exponent - 15);
}

/** The bfloat16 bit pattern nearest to a number, ties to even; overflow becomes infinity. */
export function bfloatFromFloat(value: number): number {
  if (Number.isNaN(value)) return 0x7fc0;
  return roundShift(stickyFloatBits(value), 16);
}

/** The numbers that bfloat16 bit patterns stand for. */
export function floatsFromBfloat(bits: Uint16Array): Float32Array {
  return new Float32Array(Uint32Array.from(bits, (b) => b << 16).buffer);
}
