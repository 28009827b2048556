import { readFileSync, statSync } from 'node:fs';
import Long from 'long';
import { messageOf, UserError } from '../errors.js';
import { checkModel } from '../ir/check.js';
import { type Dim, Graph, type ValueInfo, type ValueType } from '../ir/graph.js';
import { Model } from '../ir/model.js';
import { type Attribute, Node } from '../ir/node.js';
import { type Storage, Tensor } from '../ir/tensor.js';
import { byteLength, type DataType, dataTypeOf, elementCount } from '../ir/types.js';
import { externalStorage } from './external-data.js';
import { recognise } from './file-kinds.js';
import {
  ATTRIBUTE_TYPES,
  type AttributeProto,
  decodeModelProto,
  type GraphProto,
  type ModelProto,
  type NodeProto,
  type TensorProto,
  type TypeProto,
  type ValueInfoProto,
} from './messages.js';
import { isManifest, joinModels, readManifest } from './parts.js';
import { tensorFromSparse } from './sparse.js';
import { encodeTypedField } from './typed-fields.js';

const TWO_GIB = 2 ** 31;

/**
 * Reads an ONNX file, or the parts that a manifest names, put together. Tensor data stays in the files' bytes or in
 * external files until a pass asks for it.
 * @throws UserError naming the file where it is missing, empty, truncated, not ONNX, or inconsistent.
 */
export function readModel(path: string): Model {
  if (!isManifest(path)) return decodeModel(readFile(path), path);
  const { manifest, files } = readManifest(path);
  const model = joinModels(
    files.map((file) => decodeModel(readFile(file), file)),
    manifest,
    path,
  );
  model.source = { path };
  checkModel(model, path);
  return model;
}

/** Decodes a model from bytes; `path` names it in messages and locates external data. @throws UserError */
export function decodeModel(bytes: Uint8Array, path: string): Model {
  const model = modelFromProto(decode(bytes, path), path);
  model.source = { path, bytes };
  checkModel(model, path);
  return model;
}

/** The model that a message holds, without a check of its graph. @throws UserError where a tensor is not sound. */
export function modelFromProto(proto: ModelProto, path: string): Model {
  return new ModelReader(path).model(proto);
}

/** A node of a message that the graph model leaves closed, such as the body of a function. */
export function nodeFromProto(proto: NodeProto): Node {
  return new ModelReader('').node(proto);
}

/** The attribute that a message holds. */
export function attributeFromProto(proto: AttributeProto): Attribute {
  return new ModelReader('').attribute(proto);
}

/** The tensor that a message holds; `path` is the model's. @throws UserError where its data does not fit its shape. */
export function tensorFromProto(proto: TensorProto, path: string): Tensor {
  return new ModelReader(path).tensor(proto);
}

function readFile(path: string): Uint8Array {
  let size: number;
  try {
    const stat = statSync(path);
    if (stat.isDirectory())
      throw new UserError('is a folder, not a model', { file: path, mend: 'name the .onnx file' });
    size = stat.size;
    if (size === 0) throw new UserError('the file is empty', { file: path, mend: 'export or copy the model again' });
    if (size < TWO_GIB) return readFileSync(path);
  } catch (error) {
    if (error instanceof UserError) throw error;
    const missing = (error as NodeJS.ErrnoException).code === 'ENOENT';
    throw new UserError(missing ? 'no such file' : messageOf(error), {
      file: path,
      mend: 'check the path of the model',
    });
  }
  throw new UserError(`has ${size} bytes, more than the 2 GiB that one ONNX file can hold`, {
    file: path,
    mend: 'export it with external data',
  });
}

function decode(bytes: Uint8Array, path: string): ModelProto {
  try {
    const proto = decodeModelProto(bytes);
    if (proto.graph) return proto;
  } catch (error) {
    throw notAModel(bytes, path, `not an ONNX model, or truncated (${messageOf(error)})`);
  }
  throw notAModel(bytes, path, 'not an ONNX model, or truncated: it holds no graph');
}

function notAModel(bytes: Uint8Array, path: string, what: string): UserError {
  const kind = recognise(bytes);
  if (kind) return new UserError(`is ${kind.what}, not an ONNX model`, { file: path, mend: kind.mend });
  return new UserError(what, { file: path, mend: 'export or copy the model again' });
}

/** The attribute kinds that passes look into, by their code. */
const ATTRIBUTE_KINDS = new Map<number, Attribute['kind']>(
  (['float', 'int', 'string', 'tensor', 'graph', 'floats', 'ints', 'strings', 'graphs'] as const).map((kind) => [
    ATTRIBUTE_TYPES[kind],
    kind,
  ]),
);

class ModelReader {
  constructor(private readonly path: string) {}

  model(proto: ModelProto): Model {
    const model = new Model();
    model.irVersion = BigInt((proto.ir_version ?? Long.ZERO).toString());
    model.producer = proto.producer_name ?? '';
    for (const entry of proto.opset_import ?? [])
      model.opsets.set(entry.domain ?? '', (entry.version ?? Long.ZERO).toNumber());
    for (const entry of proto.metadata_props ?? []) model.metadata.set(entry.key ?? '', entry.value ?? '');
    model.functions = (proto.functions ?? []).map((f) => ({ domain: f.domain ?? '', name: f.name ?? '', origin: f }));
    model.graph = this.graph(proto.graph ?? {});
    model.origin = proto;
    return model;
  }

  graph(proto: GraphProto): Graph {
    const graph = new Graph();
    graph.name = proto.name ?? '';
    graph.origin = proto;
    graph.inputs = (proto.input ?? []).map((info) => this.valueInfo(info));
    graph.outputs = (proto.output ?? []).map((info) => this.valueInfo(info));
    for (const info of proto.value_info ?? []) graph.valueInfos.set(info.name ?? '', this.valueInfo(info));
    for (const tensor of proto.initializer ?? []) {
      const name = tensor.name ?? '';
      if (graph.initializers.has(name)) throw this.error(`initializer ${name}`, 'appears twice');
      graph.initializers.set(name, this.tensor(tensor));
    }
    for (const sparse of proto.sparse_initializer ?? []) {
      const tensor = tensorFromSparse(sparse, (part) => this.tensor(part), this.path);
      if (graph.initializers.has(tensor.name)) throw this.error(`initializer ${tensor.name}`, 'appears twice');
      graph.initializers.set(tensor.name, tensor);
      graph.sparse.add(tensor.name);
    }
    graph.nodes = (proto.node ?? []).map((node) => this.node(node));
    return graph;
  }

  node(proto: NodeProto): Node {
    const node = new Node({
      op: proto.op_type ?? '',
      domain: proto.domain ?? '',
      name: proto.name ?? '',
      inputs: proto.input ?? [],
      outputs: proto.output ?? [],
    });
    for (const attribute of proto.attribute ?? []) node.attributes.set(attribute.name ?? '', this.attribute(attribute));
    node.origin = proto;
    return node;
  }

  attribute(proto: AttributeProto): Attribute {
    const origin = proto;
    const kind = proto.ref_attr_name ? 'other' : attributeKind(proto);
    const bigints = (list: Long[] | undefined) => (list ?? []).map((v) => BigInt(v.toString()));
    switch (kind) {
      case 'float':
        return { kind, value: proto.f ?? 0, origin };
      case 'int':
        return { kind, value: BigInt((proto.i ?? Long.ZERO).toString()), origin };
      case 'string':
        return { kind, value: proto.s?.length ? proto.s : new Uint8Array(), origin };
      case 'tensor':
        return { kind, value: this.tensor(proto.t ?? {}), origin };
      case 'graph':
        return { kind, value: this.graph(proto.g ?? {}), origin };
      case 'floats':
        return { kind, value: proto.floats ?? [], origin };
      case 'ints':
        return { kind, value: bigints(proto.ints), origin };
      case 'strings':
        return { kind, value: proto.strings ?? [], origin };
      case 'graphs':
        return { kind, value: (proto.graphs ?? []).map((g) => this.graph(g)), origin };
      default:
        return { kind: 'other', origin };
    }
  }

  valueInfo(proto: ValueInfoProto): ValueInfo {
    return { name: proto.name ?? '', type: typeFromProto(proto.type), origin: proto };
  }

  tensor(proto: TensorProto): Tensor {
    const name = proto.name ?? '';
    const type = dataTypeOf(proto.data_type ?? 0);
    if (!type) throw this.error(`tensor ${name}`, `has the unknown element type ${proto.data_type ?? 0}`);
    const dims = (proto.dims ?? []).map((dim) => dim.toNumber());
    if (dims.some((dim) => dim < 0)) throw this.error(`tensor ${name}`, `has a negative size in its shape [${dims}]`);
    if (proto.segment) throw this.error(`tensor ${name}`, 'is stored in segments, which are not supported');
    if (type === 'string') {
      const strings = proto.string_data ?? [];
      if (strings.length !== elementCount(dims))
        throw this.error(
          `tensor ${name}`,
          `holds ${strings.length} strings where [${dims}] needs ${elementCount(dims)}`,
        );
      return new Tensor(name, type, dims, { strings }, proto);
    }
    return new Tensor(name, type, dims, this.storage(proto, name, type, dims), proto);
  }

  private storage(proto: TensorProto, name: string, type: DataType, dims: number[]): Storage {
    const expected = byteLength(type, elementCount(dims));
    if (proto.data_location === 1) return externalStorage(this.path, proto, expected);
    const storage = proto.raw_data?.length ? inMemory(proto.raw_data) : encodeTypedField(proto, type);
    if (storage.byteLength !== expected)
      throw this.error(`tensor ${name}`, `holds ${storage.byteLength} bytes where ${type}[${dims}] needs ${expected}`);
    return storage;
  }

  private error(where: string, what: string): UserError {
    return new UserError(what, { file: this.path, where, mend: 'export the model again' });
  }
}

function inMemory(bytes: Uint8Array): Storage {
  return { byteLength: bytes.length, read: (begin, end) => bytes.subarray(begin, end) };
}

/** The kind of an attribute, guessed from what it holds where it names no type. */
export function attributeKind(proto: AttributeProto): Attribute['kind'] {
  return proto.type ? (ATTRIBUTE_KINDS.get(proto.type) ?? 'other') : guessKind(proto);
}

/** Files of IR version below 3 and some writers leave the attribute's type out. */
function guessKind(proto: AttributeProto): Attribute['kind'] {
  if (Object.hasOwn(proto, 'f')) return 'float';
  if (Object.hasOwn(proto, 'i')) return 'int';
  if (Object.hasOwn(proto, 's')) return 'string';
  if (proto.t) return 'tensor';
  if (proto.g) return 'graph';
  if (proto.floats?.length) return 'floats';
  if (proto.ints?.length) return 'ints';
  if (proto.strings?.length) return 'strings';
  return proto.graphs?.length ? 'graphs' : 'other';
}

/** The type that a message describes; shapes keep numbers and symbols only. */
export function typeFromProto(proto: TypeProto | undefined): ValueType | undefined {
  if (!proto) return undefined;
  const tensor = proto.tensor_type;
  const elem = tensor && dataTypeOf(tensor.elem_type ?? 0);
  if (!elem) return { kind: 'other' };
  const shape = tensor.shape ? (tensor.shape.dim ?? []).map(dimOf) : undefined;
  return { kind: 'tensor', elem, shape };
}

function dimOf(dim: { dim_value?: Long; dim_param?: string }): Dim {
  if (Object.hasOwn(dim, 'dim_value') && dim.dim_value) return dim.dim_value.toNumber();
  return dim.dim_param || undefined;
}
