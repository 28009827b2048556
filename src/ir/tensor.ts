import { bfloatFromFloat, floatFromHalf, floatsFromBfloat, halfFromFloat, halvesFromFloats } from './half.js';
import {
  byteLength,
  bytesOf,
  DATA_TYPES,
  type DataType,
  elementCount,
  type TensorValue,
  type TypedArray,
} from './types.js';

/** Raw little-endian bytes of a tensor, read when they are needed: from memory, a file, or a computation. */
export interface Storage {
  readonly byteLength: number;
  /** True where any read costs as much as reading everything. */
  readonly indivisible?: boolean;
  /** The bytes from `begin` to `end`; the caller must not change them. */
  read(begin: number, end: number): Uint8Array;
}

/** What the reader kept of a tensor so that the writer can put it back unchanged. Opaque to everything else. */
export type Origin = unknown;

/** An immutable constant of a model. Its data is read lazily, so a model may be larger than memory. */
export class Tensor {
  constructor(
    readonly name: string,
    readonly type: DataType,
    readonly dims: readonly number[],
    private readonly storage: Storage | { strings: readonly Uint8Array[] },
    readonly origin?: Origin,
  ) {}

  /** A tensor over values in memory. Sub-byte types take packed bytes, float16 and bfloat16 take bit patterns. */
  static of(name: string, type: DataType, dims: readonly number[], data: TypedArray): Tensor {
    const bytes = bytesOf(data);
    if (bytes.length !== byteLength(type, elementCount(dims)))
      throw new RangeError(`tensor ${name}: ${bytes.length} bytes for ${type}[${dims.join(',')}]`);
    return new Tensor(name, type, dims, { byteLength: bytes.length, read: (begin, end) => bytes.subarray(begin, end) });
  }

  /** A tensor from numbers, converted to `type`; scalar when `dims` is empty. */
  static from(name: string, type: DataType, dims: readonly number[], values: ArrayLike<number>): Tensor {
    return Tensor.of(name, type, dims, encodeNumbers(type, values));
  }

  /** A tensor whose bytes are computed each time they are read, for weights too large to keep. */
  static lazy(name: string, type: DataType, dims: readonly number[], compute: () => TypedArray): Tensor {
    return new Tensor(name, type, dims, {
      byteLength: byteLength(type, elementCount(dims)),
      indivisible: true,
      read(begin, end) {
        return bytesOf(compute()).subarray(begin, end);
      },
    });
  }

  get size(): number {
    return elementCount(this.dims);
  }

  /** Bytes of the raw data; for strings the sum of their lengths. */
  get byteLength(): number {
    if ('strings' in this.storage) return this.storage.strings.reduce((sum, s) => sum + s.length, 0);
    return this.storage.byteLength;
  }

  get strings(): readonly Uint8Array[] | undefined {
    return 'strings' in this.storage ? this.storage.strings : undefined;
  }

  /** Raw little-endian bytes, or a window of them. */
  bytes(begin = 0, end = this.byteLength): Uint8Array {
    if ('strings' in this.storage) throw new TypeError(`tensor ${this.name} holds strings`);
    return this.storage.read(begin, end);
  }

  /** The raw bytes in pieces of at most `size` bytes, for data that should not be in memory at once. */
  *windows(size: number): Generator<Uint8Array> {
    if ('strings' in this.storage || this.storage.indivisible) yield this.bytes();
    else
      for (let begin = 0; begin < this.byteLength; begin += size)
        yield this.bytes(begin, Math.min(begin + size, this.byteLength));
  }

  /** The elements as the typed array of their type (bit patterns for 16-bit floats, packed bytes below 8 bits). */
  values(): TypedArray {
    return viewOf(this.type, this.bytes(), this.name);
  }

  /** Every element as a number; int64 beyond 2^53 loses precision. Float types of 16 bits are decoded. */
  toNumbers(): Float64Array {
    const data = this.values();
    return DATA_TYPES[this.type].bits < 8 ? unpack(this.type, data as Uint8Array, this.size) : decode(this.type, data);
  }

  /** Elements as float32: a view where the tensor holds float32, a conversion elsewhere. */
  toFloats(): Float32Array {
    if (this.type === 'float32') return this.values() as Float32Array;
    return Float32Array.from(this.toNumbers());
  }

  /** The value for a session's input. */
  toValue(): TensorValue {
    if (this.strings) {
      const decoder = new TextDecoder();
      return { type: 'string', dims: this.dims, data: this.strings.map((s) => decoder.decode(s)) };
    }
    return { type: this.type, dims: this.dims, data: this.values() };
  }

  /** The same data under another name. */
  renamed(name: string): Tensor {
    return name === this.name ? this : new Tensor(name, this.type, this.dims, this.storage, this.origin);
  }

  /** The same elements in another shape of equal size. */
  reshaped(dims: readonly number[]): Tensor {
    if (elementCount(dims) !== this.size) throw new RangeError(`tensor ${this.name}: [${this.dims}] into [${dims}]`);
    return new Tensor(this.name, this.type, dims, this.storage);
  }
}

/** A constant made from a session's output. */
export function tensorOfValue(name: string, value: TensorValue): Tensor {
  if (!Array.isArray(value.data)) return Tensor.of(name, value.type, value.dims, value.data);
  const encoder = new TextEncoder();
  return new Tensor(name, 'string', value.dims, { strings: value.data.map((text) => encoder.encode(text)) });
}

/** Views raw bytes as the array of `type`, copying only where they are not aligned. */
export function viewOf(type: DataType, bytes: Uint8Array, name = ''): TypedArray {
  const row = DATA_TYPES[type];
  if (!('array' in row)) throw new TypeError(`tensor ${name}: ${type} has no numeric array`);
  const step = row.array.BYTES_PER_ELEMENT;
  const aligned = bytes.byteOffset % step === 0 ? bytes : new Uint8Array(bytes);
  return new row.array(aligned.buffer as ArrayBuffer, aligned.byteOffset, bytes.byteLength / step);
}

/** Numbers as the typed array of `type`, rounded to nearest even for 16-bit floats; sub-byte types are packed. */
export function encodeNumbers(type: DataType, values: ArrayLike<number>): TypedArray {
  if (type === 'float16')
    return values instanceof Float32Array ? halvesFromFloats(values) : Uint16Array.from(values, halfFromFloat);
  if (type === 'int64') return BigInt64Array.from(Array.from(values, (v) => BigInt(v)));
  if (type === 'uint64') return BigUint64Array.from(Array.from(values, (v) => BigInt(v)));
  if (type === 'bfloat16') return Uint16Array.from(values, bfloatFromFloat);
  const row = DATA_TYPES[type];
  if (!('array' in row) || isMiniFloat(type)) throw new TypeError(`numbers cannot be written as ${type}`);
  if (row.bits < 8) return packBits(values, row.bits);
  return (row.array as Float32ArrayConstructor).from(values);
}

/** Floats of 8 bits and fewer, named by exponent and mantissa. */
function isMiniFloat(type: DataType): boolean {
  return /^float\d+e/.test(type);
}

function decode(type: DataType, data: TypedArray): Float64Array {
  if (type === 'float16') return Float64Array.from(data as Uint16Array, floatFromHalf);
  if (type === 'bfloat16') return Float64Array.from(floatsFromBfloat(data as Uint16Array));
  if (isMiniFloat(type)) throw new TypeError(`${type} cannot be decoded`);
  return Float64Array.from(data as ArrayLike<number>, Number);
}

/** Packs integers of 2 or 4 bits, the first into the lowest bits of a byte (onnx.proto, `raw_data`). */
export function packBits(values: ArrayLike<number>, bits: number): Uint8Array {
  const perByte = 8 / bits;
  const packed = new Uint8Array(Math.ceil(values.length / perByte));
  for (let i = 0; i < values.length; i++)
    packed[Math.floor(i / perByte)]! |= (values[i]! & ((1 << bits) - 1)) << ((i % perByte) * bits);
  return packed;
}

function unpack(type: DataType, packed: Uint8Array, count: number): Float64Array {
  const { bits } = DATA_TYPES[type];
  if (isMiniFloat(type)) throw new TypeError(`${type} cannot be decoded`);
  const perByte = 8 / bits;
  const mask = (1 << bits) - 1;
  const sign = type.startsWith('int') ? 1 << (bits - 1) : 0;
  return Float64Array.from({ length: count }, (_, i) => {
    const raw = (packed[Math.floor(i / perByte)]! >> ((i % perByte) * bits)) & mask;
    return raw & sign ? raw - (1 << bits) : raw;
  });
}
