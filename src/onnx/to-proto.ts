import { isDeepStrictEqual } from 'node:util';
import Long from 'long';
import type { Graph, ValueInfo } from '../ir/graph.js';
import type { Model } from '../ir/model.js';
import type { Attribute, Node } from '../ir/node.js';
import type { Tensor } from '../ir/tensor.js';
import { DATA_TYPES } from '../ir/types.js';
import { replaceExternal } from './closed.js';
import {
  ATTRIBUTE_TYPES,
  type AttributeProto,
  copyMessage,
  type FunctionProto,
  type GraphProto,
  type ModelProto,
  type NodeProto,
  type OperatorSetIdProto,
  type SparseTensorProto,
  sameMessage,
  type TensorProto,
  type TypeProto,
  type ValueInfoProto,
} from './messages.js';
import { attributeFromProto, attributeKind, tensorFromProto, typeFromProto } from './read.js';
import { isSparseOrigin, sparseFromTensor } from './sparse.js';

/** How tensors are put into messages. */
export interface ProtoOptions {
  /** Bring external data into the message instead of naming its file. */
  inlineExternal: boolean;
  /** Gives the fields that place a tensor's data outside the message, or undefined to keep it inside. */
  outside?: (tensor: Tensor) => TensorProto | undefined;
}

/** The message of a model. Everything that was read and not changed keeps its form, unknown fields included. */
export function modelToProto(model: Model, options: ProtoOptions): ModelProto {
  const proto = copyMessage(model.origin as ModelProto | undefined);
  const writer = new GraphWriter(options, model.source?.path ?? '');
  const origin = model.origin as ModelProto | undefined;
  put(proto, 'ir_version', long(model.irVersion), (value) => value.isZero());
  put(proto, 'producer_name', model.producer, (value) => value === '');
  const imports = origin?.opset_import ?? [];
  proto.opset_import = [...model.opsets].map(([domain, version]) => {
    const entry = copyMessage<OperatorSetIdProto>(imports.find((item) => (item.domain ?? '') === domain));
    put(entry, 'domain', domain, (value) => value === '');
    put(entry, 'version', Long.fromNumber(version), (value) => value.isZero());
    return entry;
  });
  const known = new Map((origin?.metadata_props ?? []).map((entry) => [entry.key ?? '', entry]));
  proto.metadata_props = [...model.metadata].map(([key, value]) => {
    const entry = known.get(key);
    return entry && (entry.value ?? '') === value ? entry : { key, value };
  });
  proto.functions = model.functions.map((fn) => writer.closed(fn.origin as FunctionProto));
  if (proto.training_info) proto.training_info = writer.closed(proto.training_info);
  proto.graph = writer.graph(model.graph);
  return proto;
}

class GraphWriter {
  constructor(
    private readonly options: ProtoOptions,
    private readonly path: string,
  ) {}

  /** A message that was not opened, with its external data brought in where that is asked for. */
  closed<T>(message: T): T {
    if (!this.options.inlineExternal) return message;
    return replaceExternal(message, (tensor) => this.tensor(tensorFromProto(tensor, this.path)));
  }

  graph(graph: Graph): GraphProto {
    const proto = copyMessage(graph.origin as GraphProto | undefined);
    put(proto, 'name', graph.name, (value) => value === '');
    proto.node = graph.nodes.map((node) => this.node(node));
    proto.initializer = [];
    proto.sparse_initializer = [];
    for (const [name, tensor] of graph.initializers) {
      const sparse = graph.sparse.has(name) ? this.sparse(tensor.renamed(name)) : undefined;
      if (sparse) proto.sparse_initializer.push(sparse);
      else proto.initializer.push(this.tensor(tensor.renamed(name)));
    }
    proto.input = graph.inputs.map(valueInfoToProto);
    proto.output = graph.outputs.map(valueInfoToProto);
    proto.value_info = [...graph.valueInfos.values()].map(valueInfoToProto);
    return proto;
  }

  private node(node: Node): NodeProto {
    const proto = copyMessage(node.origin as NodeProto | undefined);
    proto.input = node.inputs;
    proto.output = node.outputs;
    put(proto, 'name', node.name, (value) => value === '');
    put(proto, 'op_type', node.op, () => false);
    put(proto, 'domain', node.domain, (value) => value === '');
    proto.attribute = [...node.attributes].map(([name, attribute]) => this.attribute(name, attribute));
    return proto;
  }

  private attribute(name: string, attribute: Attribute): AttributeProto {
    const read = attribute.origin as AttributeProto | undefined;
    const origin = read && attributeKind(read) === attribute.kind ? read : undefined;
    const proto = copyMessage(origin);
    put(proto, 'name', name, (value) => value === '');
    if (attribute.kind === 'other') return this.closed(proto);
    if (!origin || origin.type) proto.type = ATTRIBUTE_TYPES[attribute.kind];
    switch (attribute.kind) {
      case 'graph':
        proto.g = this.graph(attribute.value);
        break;
      case 'graphs':
        proto.graphs = attribute.value.map((graph) => this.graph(graph));
        break;
      case 'tensor':
        proto.t = this.tensor(attribute.value);
        break;
      default:
        if (!origin || !sameValue(attributeFromProto(origin), attribute)) Object.assign(proto, valueFields(attribute));
    }
    return proto;
  }

  /** The message of a tensor as it was read, or of its elements that are not zero where that saves room. */
  private sparse(tensor: Tensor): SparseTensorProto | undefined {
    const { origin, name } = tensor;
    if (!isSparseOrigin(origin)) return sparseFromTensor(tensor);
    const proto = this.closed(origin);
    return (proto.values?.name ?? '') === name ? proto : { ...proto, values: { ...proto.values, name } };
  }

  private tensor(tensor: Tensor): TensorProto {
    const origin = isSparseOrigin(tensor.origin) ? undefined : (tensor.origin as TensorProto | undefined);
    const place = this.options.outside?.(tensor);
    const moves = place || (origin?.data_location === 1 && this.options.inlineExternal);
    const proto = copyMessage(origin);
    put(proto, 'name', tensor.name, (value) => value === '');
    if (origin && !moves) return proto;
    for (const field of DATA_FIELDS) delete proto[field];
    proto.dims = tensor.dims.map((dim) => Long.fromNumber(dim));
    proto.data_type = DATA_TYPES[tensor.type].code;
    if (place) Object.assign(proto, place);
    else if (tensor.strings) proto.string_data = [...tensor.strings];
    else proto.raw_data = tensor.bytes();
    return proto;
  }
}

/** The fields that hold or place a tensor's data. */
const DATA_FIELDS = [
  'raw_data',
  'float_data',
  'int32_data',
  'int64_data',
  'uint64_data',
  'double_data',
  'string_data',
  'external_data',
  'data_location',
] as const satisfies (keyof TensorProto)[];

type SimpleAttribute = Exclude<Attribute, { kind: 'other' | 'graph' | 'graphs' | 'tensor' }>;

function valueFields(attribute: SimpleAttribute): AttributeProto {
  switch (attribute.kind) {
    case 'float':
      return { f: attribute.value };
    case 'int':
      return { i: long(attribute.value) };
    case 'string':
      return { s: attribute.value };
    case 'floats':
      return { floats: [...attribute.value] };
    case 'ints':
      return { ints: attribute.value.map(long) };
    case 'strings':
      return { strings: [...attribute.value] };
  }
}

function sameValue(a: Attribute, b: SimpleAttribute): boolean {
  return a.kind === b.kind && sameMessage(a.value, b.value);
}

/** The message of a value with its type, as it was read where neither changed. */
export function valueInfoToProto(info: ValueInfo): ValueInfoProto {
  const origin = info.origin as ValueInfoProto | undefined;
  const proto = copyMessage(origin);
  put(proto, 'name', info.name, (value) => value === '');
  if (origin && isDeepStrictEqual(typeFromProto(origin.type), info.type)) return proto;
  if (info.type?.kind === 'tensor') proto.type = typeProto(info.type);
  else if (!info.type) delete proto.type;
  return proto;
}

function typeProto(type: Extract<NonNullable<ValueInfo['type']>, { kind: 'tensor' }>): TypeProto {
  const shape = type.shape && {
    dim: type.shape.map((dim) =>
      typeof dim === 'number' ? { dim_value: Long.fromNumber(dim) } : dim === undefined ? {} : { dim_param: dim },
    ),
  };
  return { tensor_type: { elem_type: DATA_TYPES[type.elem].code, ...(shape ? { shape } : {}) } };
}

/** Sets a field unless it is absent and would only gain the value that absence already means. */
function put<T extends object, K extends keyof T>(
  proto: T,
  key: K,
  value: NonNullable<T[K]>,
  isDefault: (value: NonNullable<T[K]>) => boolean,
): void {
  if (isDefault(value) && !Object.hasOwn(proto, key)) return;
  proto[key] = value;
}

function long(value: bigint): Long {
  return Long.fromString(value.toString());
}
