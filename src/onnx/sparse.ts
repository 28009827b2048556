import Long from 'long';
import { UserError } from '../errors.js';
import { Tensor, viewOf } from '../ir/tensor.js';
import { byteLength, bytesOf, DATA_TYPES, elementCount } from '../ir/types.js';
import type { SparseTensorProto, TensorProto } from './messages.js';

/** Bytes of an index: ONNX has it as int64. */
const INDEX_BYTES = 8;

/** True for the message that a sparse tensor was read from. */
export function isSparseOrigin(origin: unknown): origin is SparseTensorProto {
  return typeof origin === 'object' && origin !== null && 'values' in origin;
}

/**
 * The tensor that a sparse one stands for, filled in when it is read (onnx.proto, `SparseTensorProto`).
 * @param read gives the tensor of a message.
 */
export function tensorFromSparse(proto: SparseTensorProto, read: (proto: TensorProto) => Tensor, path: string): Tensor {
  const values = read(proto.values ?? {});
  const dims = (proto.dims ?? []).map((dim) => dim.toNumber());
  const { name, type } = values;
  const fill = (): Uint8Array => {
    const places = placesOf(read(proto.indices ?? {}), values.size, dims);
    if (!places || type === 'string' || DATA_TYPES[type].bits < 8)
      throw new UserError('is sparse in a way that cannot be followed', {
        file: path,
        where: `tensor ${name}`,
        mend: 'export the model again',
      });
    const step = DATA_TYPES[type].bits / 8;
    const bytes = new Uint8Array(byteLength(type, elementCount(dims)));
    const given = values.bytes();
    for (let k = 0; k < places.length; k++) bytes.set(given.subarray(k * step, (k + 1) * step), places[k]! * step);
    return bytes;
  };
  const whole = { byteLength: byteLength(type, elementCount(dims)), indivisible: true };
  return new Tensor(name, type, dims, { ...whole, read: (begin, end) => fill().subarray(begin, end) }, proto);
}

/** Places counted through the whole tensor; undefined where there are too few, too many, or some outside it. */
function placesOf(indices: Tensor, count: number, dims: readonly number[]): Float64Array | undefined {
  const given = indices.toNumbers();
  const size = elementCount(dims);
  const isInside = (place: number) => place >= 0 && place < size;
  if (indices.dims.length === 1) return given.length === count && given.every(isInside) ? given : undefined;
  if (given.length !== count * dims.length) return undefined;
  const places = new Float64Array(count);
  for (let k = 0; k < count; k++)
    for (const [axis, dim] of dims.entries()) {
      const coordinate = given[k * dims.length + axis]!;
      if (coordinate < 0 || coordinate >= dim) return undefined;
      places[k] = places[k]! * dim + coordinate;
    }
  return places;
}

/** Types whose arrays show whether the bits of an element are all zero, by their number. */
const CARRIERS: Readonly<Record<number, 'uint8' | 'uint16' | 'uint32'>> = { 8: 'uint8', 16: 'uint16', 32: 'uint32' };

/** The message of a tensor as its elements that are not zero; undefined where that would take no less room. */
export function sparseFromTensor(tensor: Tensor): SparseTensorProto | undefined {
  const { name, type, dims } = tensor;
  const carrier = CARRIERS[type === 'string' ? 0 : DATA_TYPES[type].bits];
  if (!carrier) return undefined;
  const elements = viewOf(carrier, tensor.bytes()) as Uint32Array;
  const count = elements.reduce((sum, element) => sum + Number(element !== 0), 0);
  if (count * (elements.BYTES_PER_ELEMENT + INDEX_BYTES) >= tensor.byteLength) return undefined;
  const indices = new BigInt64Array(count);
  const values = elements.filter((element) => element !== 0);
  for (let place = 0, k = 0; place < elements.length; place++) if (elements[place] !== 0) indices[k++] = BigInt(place);
  const message = (data_type: number, raw_data: Uint8Array): TensorProto => ({
    dims: [Long.fromNumber(count)],
    data_type,
    raw_data,
  });
  return {
    values: { ...message(DATA_TYPES[type].code, bytesOf(values)), name },
    indices: { ...message(DATA_TYPES.int64.code, bytesOf(indices)), name: `${name}/indices` },
    dims: dims.map((dim) => Long.fromNumber(dim)),
  };
}
