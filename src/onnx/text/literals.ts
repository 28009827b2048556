import Long from 'long';
import { DATA_TYPES, type DataType, dataTypeOf } from '../../ir/types.js';
import type { TensorProto } from '../messages.js';
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
  return { int32_data: bits < 8 ? packed(integers.map(Number), bits) : integers.map(Number) };
}

/** Smallest and largest integer that stands for an element; bit patterns for floats. */
function integerRange(type: DataType): [bigint, bigint] {
  if (type === 'bool') return [0n, 1n];
  const bits = BigInt(DATA_TYPES[type].bits);
  return type.startsWith('int') ? [-(1n << (bits - 1n)), (1n << (bits - 1n)) - 1n] : [0n, (1n << bits) - 1n];
}

/** Elements below 8 bits share bytes, the first in the lowest bits (onnx.proto, `int32_data`). */
function packed(values: readonly number[], bits: number): number[] {
  const perByte = 8 / bits;
  const bytes = new Array<number>(Math.ceil(values.length / perByte)).fill(0);
  values.forEach((value, i) => {
    bytes[Math.floor(i / perByte)]! |= (value & ((1 << bits) - 1)) << ((i % perByte) * bits);
  });
  return bytes;
}
