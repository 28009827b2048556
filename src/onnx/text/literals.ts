import Long from 'long';
import { packBits, Tensor, viewOf } from '../../ir/tensor.js';
import { byteLength, DATA_TYPES, type DataType, dataTypeOf } from '../../ir/types.js';
import type { TensorProto } from '../messages.js';
import { quoted } from './names.js';
import type { Literal } from './scanner.js';

/**
 * The field of a tensor message that holds these values, one literal an element. As in ONNX's own parser, floats of
 * 16 bits and fewer are given as bit patterns. Returns what is wrong where the values do not suit the type.
 */
export function tensorFields(code: number, values: readonly Literal[]): TensorProto | string {
  const type = dataTypeOf(code)!;
  if (!values.length) return {};
  if (type === 'string') {
    const texts = values.filter((value) => value.kind === 'string');
    if (texts.length < values.length) return 'needs strings in quotes';
    return { string_data: texts.map((text) => new TextEncoder().encode(text.value)) };
  }
  const numbers = values.filter((value) => value.kind !== 'string');
  if (numbers.length < values.length) return `holds a string where ${type} needs numbers`;
  if (type === 'float32' || type === 'complex64')
    return { float_data: numbers.map((n) => Math.fround(Number(n.value))) };
  if (type === 'float64' || type === 'complex128') return { double_data: numbers.map((n) => Number(n.value)) };
  return integerFields(type, numbers);
}

function integerFields(type: DataType, numbers: readonly { value: number | bigint }[]): TensorProto | string {
  const [low, high] = integerRange(type);
  const integers: bigint[] = [];
  for (const { value } of numbers) {
    if (typeof value === 'number') return `holds ${value} where ${type} needs whole numbers`;
    if (value < low || value > high) return `holds ${value}, which ${type} cannot hold`;
    integers.push(value);
  }
  const { bits } = DATA_TYPES[type];
  const longs = () => integers.map((value) => Long.fromString(value.toString(), low === 0n));
  if (type === 'int64') return { int64_data: longs() };
  if (type === 'uint64' || type === 'uint32') return { uint64_data: longs() };
  return { int32_data: bits < 8 ? [...packBits(integers.map(Number), bits)] : integers.map(Number) };
}

/** Smallest and largest integer that stands for an element; bit patterns for floats. */
function integerRange(type: DataType): [bigint, bigint] {
  if (type === 'bool') return [0n, 1n];
  const bits = BigInt(DATA_TYPES[type].bits);
  return type.startsWith('int') ? [-(1n << (bits - 1n)), (1n << (bits - 1n)) - 1n] : [0n, (1n << bits) - 1n];
}

/** The first `count` elements of a tensor as literals that `tensorFields` takes. */
export function elements(tensor: Tensor, count: number): string[] {
  const { type } = tensor;
  if (tensor.strings) return tensor.strings.slice(0, count).map((bytes) => quoted(new TextDecoder().decode(bytes)));
  const bytes = tensor.bytes(0, Math.min(byteLength(type, count), tensor.byteLength));
  if (DATA_TYPES[type].bits < 8) {
    const whole = type.startsWith('float') ? 'uint4' : type;
    return Array.from(Tensor.of(tensor.name, whole, [count], bytes as Uint8Array).toNumbers(), String);
  }
  if (type === 'float32' || type === 'complex64')
    return Array.from(viewOf('float32', bytes) as Float32Array, (value) => float(value, 'tensor'));
  if (type === 'float64' || type === 'complex128')
    return Array.from(viewOf('float64', bytes) as Float64Array, (value) => signed(value));
  return Array.from(viewOf(type, bytes) as ArrayLike<number | bigint>, String);
}

/** The shortest decimal that reads back as this float32; in attributes it shows that it is no integer. */
export function float(value: number, place: 'attribute' | 'tensor'): string {
  let text = signed(value);
  for (let digits = 1; digits < 10; digits++) {
    const short = signed(Number(value.toPrecision(digits)));
    if (Object.is(Math.fround(Number(short)), value)) {
      text = short;
      break;
    }
  }
  return place === 'attribute' && /^-?\d+$/.test(text) ? `${text}.0` : text;
}

function signed(value: number): string {
  if (Number.isNaN(value)) return 'nan';
  if (!Number.isFinite(value)) return value < 0 ? '-inf' : 'inf';
  return Object.is(value, -0) ? '-0.0' : String(value);
}
