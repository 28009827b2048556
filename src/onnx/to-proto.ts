import Long from 'long';
import type { Graph, ValueInfo } from '../ir/graph.js';
import type { Model } from '../ir/model.js';
import type { Attribute, Node } from '../ir/node.js';
import type { Tensor } from '../ir/tensor.js';
import { DATA_TYPES } from '../ir/types.js';
import {
  ATTRIBUTE_TYPES,
  type AttributeProto,
  type AttributeType,
  copyMessage,
  type FunctionProto,
  type GraphProto,
  type ModelProto,
  type NodeProto,
  type OperatorSetIdProto,
  type SparseTensorProto,
  type TensorProto,
  type TypeProto,
  type ValueInfoProto,
} from './messages.js';

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
  const writer = new GraphWriter(options);
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
  proto.functions = model.functions.map((f) => f.origin as FunctionProto);
  proto.graph = writer.graph(model.graph);
  return proto;
}

class GraphWriter {
  constructor(private readonly options: ProtoOptions) {}

  graph(graph: Graph): GraphProto {
    const proto = copyMessage(graph.origin as GraphProto | undefined);
    put(proto, 'name', graph.name, (value) => value === '');
    proto.node = graph.nodes.map((node) => this.node(node));
    proto.initializer = [...graph.initializers.values()].map((tensor) => this.tensor(tensor));
    proto.sparse_initializer = graph.sparseInitializers.map((sparse) => sparse.origin as SparseTensorProto);
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
    const origin = attribute.origin as AttributeProto | undefined;
    switch (attribute.kind) {
      case 'graph':
        return { ...attributeBase(origin, name, 'graph'), g: this.graph(attribute.value) };
      case 'graphs':
        return { ...attributeBase(origin, name, 'graphs'), graphs: attribute.value.map((g) => this.graph(g)) };
      case 'tensor': {
        const t = this.tensor(attribute.value);
        return origin && t === origin.t ? origin : { ...attributeBase(origin, name, 'tensor'), t };
      }
      case 'other':
        return origin ?? {};
    }
    if (origin) return origin;
    const base = attributeBase(undefined, name, attribute.kind);
    switch (attribute.kind) {
      case 'float':
        return { ...base, f: attribute.value };
      case 'int':
        return { ...base, i: long(attribute.value) };
      case 'string':
        return { ...base, s: attribute.value };
      case 'floats':
        return { ...base, floats: [...attribute.value] };
      case 'ints':
        return { ...base, ints: attribute.value.map(long) };
      case 'strings':
        return { ...base, strings: [...attribute.value] };
    }
  }

  private tensor(tensor: Tensor): TensorProto {
    const origin = tensor.origin as TensorProto | undefined;
    const place = this.options.outside?.(tensor);
    const external = origin?.data_location === 1;
    if (origin && !place && !(external && this.options.inlineExternal)) {
      if ((origin.name ?? '') === tensor.name) return origin;
      return { ...copyMessage(origin), name: tensor.name };
    }
    const proto: TensorProto = {
      dims: tensor.dims.map((dim) => Long.fromNumber(dim)),
      data_type: DATA_TYPES[tensor.type].code,
      ...(tensor.name ? { name: tensor.name } : {}),
      ...place,
    };
    if (tensor.strings) proto.string_data = [...tensor.strings];
    else if (!place) proto.raw_data = tensor.bytes();
    return proto;
  }
}

function attributeBase(origin: AttributeProto | undefined, name: string, kind: AttributeType) {
  const base = copyMessage<AttributeProto>(origin);
  if (!origin) {
    base.name = name;
    base.type = ATTRIBUTE_TYPES[kind];
  }
  return base;
}

/** The message of a value with its type, as it was read where it was not renamed. */
export function valueInfoToProto(info: ValueInfo): ValueInfoProto {
  const origin = info.origin as ValueInfoProto | undefined;
  if (origin && (origin.name ?? '') === info.name) return origin;
  if (origin) return { ...copyMessage(origin), name: info.name };
  return { name: info.name, ...(info.type?.kind === 'tensor' ? { type: typeProto(info.type) } : {}) };
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
