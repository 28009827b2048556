/** What is known of one ONNX element type. */
interface TypeRow {
  /** Value of `TensorProto.DataType`. */
  code: number;
  /** Bits an element takes in raw data; 0 for strings. */
  bits: number;
  /** Array that views little-endian raw data of this type; absent where JavaScript has none. */
  array?: TypedArrayConstructor;
}

type TypedArrayConstructor =
  | Float32ArrayConstructor
  | Float64ArrayConstructor
  | Int8ArrayConstructor
  | Uint8ArrayConstructor
  | Int16ArrayConstructor
  | Uint16ArrayConstructor
  | Int32ArrayConstructor
  | Uint32ArrayConstructor
  | BigInt64ArrayConstructor
  | BigUint64ArrayConstructor;

/** The element types of ONNX (onnx.proto, `TensorProto.DataType`), named as ONNX Runtime's JavaScript API names them. */
export const DATA_TYPES = {
  float32: { code: 1, bits: 32, array: Float32Array },
  uint8: { code: 2, bits: 8, array: Uint8Array },
  int8: { code: 3, bits: 8, array: Int8Array },
  uint16: { code: 4, bits: 16, array: Uint16Array },
  int16: { code: 5, bits: 16, array: Int16Array },
  int32: { code: 6, bits: 32, array: Int32Array },
  int64: { code: 7, bits: 64, array: BigInt64Array },
  string: { code: 8, bits: 0 },
  bool: { code: 9, bits: 8, array: Uint8Array },
  float16: { code: 10, bits: 16, array: Uint16Array },
  float64: { code: 11, bits: 64, array: Float64Array },
  uint32: { code: 12, bits: 32, array: Uint32Array },
  uint64: { code: 13, bits: 64, array: BigUint64Array },
  complex64: { code: 14, bits: 64 },
  complex128: { code: 15, bits: 128 },
  bfloat16: { code: 16, bits: 16, array: Uint16Array },
  float8e4m3fn: { code: 17, bits: 8, array: Uint8Array },
  float8e4m3fnuz: { code: 18, bits: 8, array: Uint8Array },
  float8e5m2: { code: 19, bits: 8, array: Uint8Array },
  float8e5m2fnuz: { code: 20, bits: 8, array: Uint8Array },
  uint4: { code: 21, bits: 4, array: Uint8Array },
  int4: { code: 22, bits: 4, array: Uint8Array },
  float4e2m1: { code: 23, bits: 4, array: Uint8Array },
  float8e8m0: { code: 24, bits: 8, array: Uint8Array },
  uint2: { code: 25, bits: 2, array: Uint8Array },
  int2: { code: 26, bits: 2, array: Uint8Array },
  float6e2m3: { code: 27, bits: 8, array: Uint8Array },
  float6e3m2: { code: 28, bits: 8, array: Uint8Array },
} as const satisfies Record<string, TypeRow>;

/** Name of an ONNX element type. */
export type DataType = keyof typeof DATA_TYPES;

/** A JavaScript array over raw tensor data. */
export type TypedArray =
  | Float32Array
  | Float64Array
  | Int8Array
  | Uint8Array
  | Int16Array
  | Uint16Array
  | Int32Array
  | Uint32Array
  | BigInt64Array
  | BigUint64Array;

const BY_CODE = new Map<number, DataType>(
  Object.entries(DATA_TYPES).map(([name, row]) => [row.code, name as DataType]),
);

/** The element type with this `TensorProto.DataType` code, or undefined. */
export function dataTypeOf(code: number): DataType | undefined {
  return BY_CODE.get(code);
}

/** True for the types that hold real numbers with a fraction. */
export function isFloat(type: DataType): boolean {
  return type === 'float32' || type === 'float16' || type === 'float64' || type === 'bfloat16';
}

/** Bytes that `count` elements of `type` take as raw data (sub-byte types are packed). */
export function byteLength(type: DataType, count: number): number {
  return Math.ceil((count * DATA_TYPES[type].bits) / 8);
}

/** The bytes behind an array: a view, no copy. */
export function bytesOf({ buffer, byteOffset, byteLength }: ArrayBufferView): Uint8Array {
  return new Uint8Array(buffer, byteOffset, byteLength);
}

/** Number of elements of a shape. */
export function elementCount(dims: readonly number[]): number {
  return dims.reduce((product, dim) => product * dim, 1);
}

/** A dense value outside a graph: what sessions take and give. Sub-byte types are packed, strings are an array. */
export interface TensorValue {
  type: DataType;
  dims: readonly number[];
  data: TypedArray | string[];
}

/** Values by the name of a model's input or output. */
export type NamedValues = Record<string, TensorValue>;

/** Of values, those of some names that are there. */
export function pickValues<T>(values: Readonly<Record<string, T>>, names: Iterable<string>): Record<string, T> {
  const picked: Record<string, T> = {};
  for (const name of names) if (values[name]) picked[name] = values[name];
  return picked;
}
