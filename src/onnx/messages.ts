import { readFileSync } from 'node:fs';
import Long from 'long';
import protobuf from 'protobufjs';

/** A decoded message; fields that the definitions lack are kept under `$unknowns`. */
export interface Message {
  $unknowns?: Uint8Array[];
}

export interface StringEntry extends Message {
  key?: string;
  value?: string;
}

export interface TensorProto extends Message {
  name?: string;
  data_type?: number;
  dims?: Long[];
  segment?: Message;
  raw_data?: Uint8Array;
  float_data?: number[];
  int32_data?: number[];
  int64_data?: Long[];
  uint64_data?: Long[];
  double_data?: number[];
  string_data?: Uint8Array[];
  external_data?: StringEntry[];
  data_location?: number;
}

export interface TensorShapeProto extends Message {
  dim?: { dim_value?: Long; dim_param?: string }[];
}

/** A type; one of the fields is set. */
export interface TypeProto extends Message {
  tensor_type?: { elem_type?: number; shape?: TensorShapeProto };
  sequence_type?: { elem_type?: TypeProto };
  map_type?: { key_type?: number; value_type?: TypeProto };
  optional_type?: { elem_type?: TypeProto };
  sparse_tensor_type?: { elem_type?: number; shape?: TensorShapeProto };
  opaque_type?: { domain?: string; name?: string };
}

/** `AttributeProto.AttributeType`, in lower case as in the textual syntax. */
export const ATTRIBUTE_TYPES = {
  float: 1,
  int: 2,
  string: 3,
  tensor: 4,
  graph: 5,
  floats: 6,
  ints: 7,
  strings: 8,
  tensors: 9,
  graphs: 10,
  sparse_tensor: 11,
  sparse_tensors: 12,
  type_proto: 13,
  type_protos: 14,
} as const;

export type AttributeType = keyof typeof ATTRIBUTE_TYPES;

export interface ValueInfoProto extends Message {
  name?: string;
  type?: TypeProto;
  metadata_props?: StringEntry[];
}

export interface AttributeProto extends Message {
  name?: string;
  type?: number;
  ref_attr_name?: string;
  f?: number;
  i?: Long;
  s?: Uint8Array;
  t?: TensorProto;
  g?: GraphProto;
  tp?: TypeProto;
  floats?: number[];
  ints?: Long[];
  strings?: Uint8Array[];
  tensors?: TensorProto[];
  graphs?: GraphProto[];
  type_protos?: TypeProto[];
}

export interface NodeProto extends Message {
  input?: string[];
  output?: string[];
  name?: string;
  op_type?: string;
  domain?: string;
  overload?: string;
  attribute?: AttributeProto[];
  doc_string?: string;
  metadata_props?: StringEntry[];
}

export interface GraphProto extends Message {
  node?: NodeProto[];
  name?: string;
  initializer?: TensorProto[];
  sparse_initializer?: SparseTensorProto[];
  input?: ValueInfoProto[];
  output?: ValueInfoProto[];
  value_info?: ValueInfoProto[];
  metadata_props?: StringEntry[];
}

export interface SparseTensorProto extends Message {
  /** The elements that are not zero; its name is that of the whole. */
  values?: TensorProto;
  /** Their places: counted through the whole tensor, or one row of coordinates for each. */
  indices?: TensorProto;
  dims?: Long[];
}

export interface OperatorSetIdProto extends Message {
  domain?: string;
  version?: Long;
}

export interface FunctionProto extends Message {
  name?: string;
  domain?: string;
  overload?: string;
  doc_string?: string;
  input?: string[];
  output?: string[];
  attribute?: string[];
  attribute_proto?: AttributeProto[];
  node?: NodeProto[];
  opset_import?: OperatorSetIdProto[];
  value_info?: ValueInfoProto[];
}

export interface ModelProto extends Message {
  ir_version?: Long;
  opset_import?: OperatorSetIdProto[];
  producer_name?: string;
  producer_version?: string;
  domain?: string;
  model_version?: Long;
  doc_string?: string;
  graph?: GraphProto;
  metadata_props?: StringEntry[];
  functions?: FunctionProto[];
  training_info?: Message[];
}

let modelType: protobuf.Type | undefined;

function type(): protobuf.Type {
  if (!modelType) {
    protobuf.util.Long = Long;
    protobuf.configure();
    protobuf.Reader.discardUnknown = false;
    const definitions = readFileSync(new URL('../../proto/onnx.proto', import.meta.url), 'utf8');
    modelType = protobuf.parse(definitions, { keepCase: true }).root.lookupType('onnx.ModelProto');
  }
  return modelType;
}

/** Decodes a model's message; `raw_data` fields are views into `bytes`. @throws Error where the bytes are no message. */
export function decodeModelProto(bytes: Uint8Array): ModelProto {
  return type().decode(bytes) as ModelProto;
}

/** Encodes a model's message, unknown fields included. */
export function encodeModelProto(message: ModelProto): Uint8Array {
  return type()
    .encode(message as object)
    .finish();
}

/** A shallow copy that keeps the unknown fields. */
export function copyMessage<T extends Message>(message: T | undefined): T {
  const copy = { ...message } as T;
  if (message?.$unknowns)
    Object.defineProperty(copy, '$unknowns', { value: message.$unknowns, enumerable: false, writable: true });
  return copy;
}

/** True when two decoded messages hold the same fields and values; byte fields are compared by view first. */
export function sameMessage(a: unknown, b: unknown): boolean {
  if (Object.is(a, b)) return true;
  if (typeof a !== 'object' || typeof b !== 'object' || !a || !b) return false;
  if (a instanceof Uint8Array && b instanceof Uint8Array) return sameBytes(a, b);
  if (Array.isArray(a) && Array.isArray(b))
    return a.length === b.length && a.every((item, i) => sameMessage(item, b[i]));
  if (Long.isLong(a) && Long.isLong(b)) return a.low === b.low && a.high === b.high;
  const left = fieldsOf(a);
  const right = fieldsOf(b);
  return left.size === right.size && [...left].every(([key, value]) => sameMessage(value, right.get(key)));
}

/** Fields that would be written: set ones, and lists that are not empty. */
function fieldsOf(message: object): Map<string, unknown> {
  const fields = new Map<string, unknown>(Object.entries(message));
  const unknowns = (message as Message).$unknowns;
  if (unknowns) fields.set('$unknowns', unknowns);
  for (const [key, value] of fields) if (value == null || (Array.isArray(value) && !value.length)) fields.delete(key);
  return fields;
}

function sameBytes(a: Uint8Array, b: Uint8Array): boolean {
  if (a.length !== b.length) return false;
  return (a.buffer === b.buffer && a.byteOffset === b.byteOffset) || Buffer.compare(a, b) === 0;
}
