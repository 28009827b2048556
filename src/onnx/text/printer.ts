import type { Graph, ValueInfo } from '../../ir/graph.js';
import type { Model } from '../../ir/model.js';
import type { Attribute, Node } from '../../ir/node.js';
import type { Tensor } from '../../ir/tensor.js';
import { dataTypeOf } from '../../ir/types.js';
import {
  ATTRIBUTE_TYPES,
  type AttributeProto,
  type AttributeType,
  type FunctionProto,
  type ModelProto,
  type NodeProto,
  type OperatorSetIdProto,
  type TensorShapeProto,
  type TypeProto,
} from '../messages.js';
import { attributeFromProto, nodeFromProto, tensorFromProto } from '../read.js';
import { valueInfoToProto } from '../to-proto.js';
import { elements, float } from './literals.js';
import { elementTypeName, name, quoted } from './names.js';

const INDENT = '  ';

/** Writes a model in the ONNX textual syntax. Tensors of more than `limit` elements are cut short. */
export class TextPrinter {
  constructor(private readonly limit: number) {}

  model(model: Model): string {
    const origin = (model.origin ?? {}) as ModelProto;
    const header = headerOf({
      ir_version: model.irVersion,
      opset_import: opsets([...model.opsets]),
      producer_name: model.producer && quoted(model.producer),
      producer_version: origin.producer_version && quoted(origin.producer_version),
      domain: origin.domain && quoted(origin.domain),
      model_version: origin.model_version,
      doc_string: origin.doc_string && quoted(origin.doc_string),
      metadata_props:
        model.metadata.size &&
        list(
          '[]',
          [...model.metadata].map(([key, value]) => `${quoted(key)}: ${quoted(value)}`),
        ),
    });
    const functions = model.functions.map((fn) => this.fn(fn.origin as FunctionProto));
    return `${[`${header}\n${this.graph(model.graph, '')}`, ...functions].join('\n')}\n`;
  }

  private graph(graph: Graph, indent: string): string {
    const constants = [
      ...[...graph.initializers].map(([key, tensor]) => `${tensorType(tensor)} ${name(key)} = ${this.values(tensor)}`),
      ...[...graph.valueInfos.values()].map(valueInfo),
    ];
    const head = `${name(graph.name)} ${list('()', graph.inputs.map(valueInfo))} => ${list('()', graph.outputs.map(valueInfo))}`;
    const middle = constants.length ? `\n${indent}${INDENT}${list('<>', constants)}\n${indent}` : ' ';
    return `${head}${middle}{\n${this.nodes(graph.nodes, indent)}${indent}}`;
  }

  private nodes(nodes: readonly Node[], indent: string): string {
    return nodes.map((node) => `${indent}${INDENT}${this.node(node, indent + INDENT)}\n`).join('');
  }

  private node(node: Node, indent: string): string {
    const { overload } = (node.origin ?? {}) as NodeProto;
    const label = node.name ? `[${name(node.name)}] ` : '';
    const operator = (node.domain ? `${domain(node.domain)}.` : '') + name(node.op) + (overload ? `:${overload}` : '');
    const attributes = [...node.attributes].map(([key, value]) => this.attribute(key, value, indent));
    const angle = attributes.length ? ` ${list('<>', attributes)}` : '';
    return `${label}${node.outputs.map(operand).join(', ')} = ${operator}${angle} ${list('()', node.inputs.map(operand))}`;
  }

  private attribute(key: string, attribute: Attribute, indent: string): string {
    if (attribute.kind === 'other') return this.otherAttribute(key, (attribute.origin ?? {}) as AttributeProto);
    const value = this.attributeValue(attribute, indent);
    const needsType = Array.isArray(attribute.value) && !attribute.value.length;
    return `${name(key)}${needsType ? `: ${attribute.kind}` : ''} = ${value}`;
  }

  private attributeValue(attribute: Exclude<Attribute, { kind: 'other' }>, indent: string): string {
    const decode = (bytes: Uint8Array) => quoted(new TextDecoder().decode(bytes));
    switch (attribute.kind) {
      case 'int':
        return String(attribute.value);
      case 'float':
        return float(attribute.value, 'attribute');
      case 'string':
        return decode(attribute.value);
      case 'tensor':
        return this.tensor(attribute.value);
      case 'graph':
        return this.graph(attribute.value, indent);
      case 'ints':
        return list('[]', attribute.value.map(String));
      case 'floats':
        return list(
          '[]',
          attribute.value.map((value) => float(value, 'attribute')),
        );
      case 'strings':
        return list('[]', attribute.value.map(decode));
      case 'graphs':
        return list(
          '[]',
          attribute.value.map((graph) => this.graph(graph, indent)),
        );
    }
  }

  /** Attributes that the graph model leaves closed: references, types, lists of tensors. */
  private otherAttribute(key: string, proto: AttributeProto): string {
    const kind = (Object.keys(ATTRIBUTE_TYPES) as AttributeType[]).find((type) => ATTRIBUTE_TYPES[type] === proto.type);
    const start = `${name(key)}${kind ? `: ${kind}` : ''} = `;
    if (proto.ref_attr_name) return `${start}@${name(proto.ref_attr_name)}`;
    switch (kind) {
      case 'type_proto':
        return start + typeText(proto.tp ?? {});
      case 'type_protos':
        return start + list('[]', (proto.type_protos ?? []).map(typeText));
      case 'tensors':
        return (
          start +
          list(
            '[]',
            (proto.tensors ?? []).map((tensor) => this.tensor(tensorFromProto(tensor, ''))),
          )
        );
      default:
        return `${start}…`;
    }
  }

  private tensor(tensor: Tensor): string {
    return `${tensorType(tensor)} ${tensor.name ? `${name(tensor.name)} = ` : ''}${this.values(tensor)}`;
  }

  private values(tensor: Tensor): string {
    return list('{}', tensor.size > this.limit ? [...elements(tensor, 4), '…'] : elements(tensor, tensor.size));
  }

  private fn(proto: FunctionProto): string {
    const header = headerOf({
      domain: proto.domain && quoted(proto.domain),
      overload: proto.overload && quoted(proto.overload),
      opset_import: opsets((proto.opset_import ?? []).map((entry) => [entry.domain ?? '', versionOf(entry)])),
      doc_string: proto.doc_string && quoted(proto.doc_string),
    });
    const attributes = [
      ...(proto.attribute ?? []).map(name),
      ...(proto.attribute_proto ?? []).map((item) => this.attribute(item.name ?? '', attributeFromProto(item), '')),
    ];
    const infos = (proto.value_info ?? []).map((info) => `${typeText(info.type ?? {})} ${name(info.name ?? '')}`);
    return [
      `${header}\n${name(proto.name ?? '')}`,
      attributes.length ? list('<>', attributes) : '',
      `${list('()', (proto.input ?? []).map(name))} => ${list('()', (proto.output ?? []).map(name))}`,
      infos.length ? list('<>', infos) : '',
      `{\n${this.nodes((proto.node ?? []).map(nodeFromProto), '')}}`,
    ]
      .filter(Boolean)
      .join(' ');
  }
}

function headerOf(fields: Record<string, unknown>): string {
  const lines = Object.entries(fields).filter(([, value]) => value);
  return `<\n${lines.map(([key, value]) => `${INDENT}${key}: ${value}`).join(',\n')}\n>`;
}

function opsets(imports: readonly (readonly [domain: string, version: number])[]): string {
  return imports.length
    ? list(
        '[]',
        imports.map(([key, version]) => `${quoted(key)}: ${version}`),
      )
    : '';
}

function versionOf(entry: OperatorSetIdProto): number {
  return entry.version?.toNumber() ?? 0;
}

function list(brackets: string, items: readonly string[]): string {
  return `${brackets[0]}${items.join(', ')}${brackets[1]}`;
}

function operand(value: string): string {
  return value ? name(value) : '""';
}

function domain(text: string): string {
  return /^[A-Za-z_]\w*(\.[A-Za-z_]\w*)*$/.test(text) ? text : quoted(text);
}

function valueInfo(info: ValueInfo): string {
  const { type } = valueInfoToProto(info);
  return type ? `${typeText(type)} ${name(info.name)}` : name(info.name);
}

function tensorType(tensor: Tensor): string {
  return elementTypeName(tensor.type) + (tensor.dims.length ? `[${tensor.dims.join(', ')}]` : '');
}

function typeText(type: TypeProto): string {
  if (type.tensor_type) return dense(type.tensor_type);
  if (type.sparse_tensor_type) return `sparse_tensor(${dense(type.sparse_tensor_type)})`;
  if (type.sequence_type) return `seq(${typeText(type.sequence_type.elem_type ?? {})})`;
  if (type.optional_type) return `optional(${typeText(type.optional_type.elem_type ?? {})})`;
  if (type.map_type) return `map(${element(type.map_type.key_type)}, ${typeText(type.map_type.value_type ?? {})})`;
  const { domain: of, name: called } = type.opaque_type ?? {};
  return `opaque(${[of, called].filter(Boolean).join(', ')})`;
}

function dense(type: { elem_type?: number; shape?: TensorShapeProto }): string {
  if (!type.shape) return `${element(type.elem_type)}[]`;
  const dims = (type.shape.dim ?? []).map((dim) => {
    if (Object.hasOwn(dim, 'dim_value') && dim.dim_value) return dim.dim_value.toString();
    return dim.dim_param ? name(dim.dim_param) : '?';
  });
  return element(type.elem_type) + (dims.length ? `[${dims.join(', ')}]` : '');
}

function element(code = 0): string {
  const type = dataTypeOf(code);
  return type ? elementTypeName(type) : 'undefined';
}
