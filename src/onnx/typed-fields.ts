import type Long from 'long';
import type { Storage } from '../ir/tensor.js';
import { byteLength, bytesOf, DATA_TYPES, type DataType } from '../ir/types.js';
import type { TensorProto } from './messages.js';

/**
 * Raw bytes of a tensor that is stored in one of the typed fields (`float_data`, `int32_data`, …), encoded when they
 * are read. onnx.proto says which field holds which element type.
 */
export function encodeTypedField(proto: TensorProto, type: DataType): Storage {
  const count = countOf(proto, type);
  let bytes: Uint8Array | undefined;
  return {
    byteLength: count,
    read(begin, end) {
      bytes ??= encode(proto, type);
      return bytes.subarray(begin, end);
    },
  };
}

function countOf(proto: TensorProto, type: DataType): number {
  switch (type) {
    case 'float32':
    case 'complex64':
      return (proto.float_data?.length ?? 0) * 4;
    case 'float64':
    case 'complex128':
      return (proto.double_data?.length ?? 0) * 8;
    case 'int64':
      return (proto.int64_data?.length ?? 0) * 8;
    case 'uint32':
    case 'uint64':
      return byteLength(type, proto.uint64_data?.length ?? 0);
    default:
      return (proto.int32_data?.length ?? 0) * Math.ceil(DATA_TYPES[type].bits / 8);
  }
}

function encode(proto: TensorProto, type: DataType): Uint8Array {
  const bigints = (list: Long[] | undefined) => BigInt64Array.from((list ?? []).map((v) => BigInt(v.toString())));
  switch (type) {
    case 'float32':
    case 'complex64':
      return bytesOf(Float32Array.from(proto.float_data ?? []));
    case 'float64':
    case 'complex128':
      return bytesOf(Float64Array.from(proto.double_data ?? []));
    case 'int64':
      return bytesOf(bigints(proto.int64_data));
    case 'uint64':
      return bytesOf(BigUint64Array.from((proto.uint64_data ?? []).map((v) => BigInt(v.toString()))));
    case 'uint32':
      return bytesOf(Uint32Array.from((proto.uint64_data ?? []).map((v) => v.toNumber())));
    case 'int32':
      return bytesOf(Int32Array.from(proto.int32_data ?? []));
    default:
      return DATA_TYPES[type].bits === 16
        ? bytesOf(Uint16Array.from(proto.int32_data ?? []))
        : Uint8Array.from(proto.int32_data ?? []);
  }
}
