import Long from 'long';
import {
  ATTRIBUTE_TYPES,
  type AttributeProto,
  type AttributeType,
  type FunctionProto,
  type GraphProto,
  type ModelProto,
  type NodeProto,
  type OperatorSetIdProto,
  type StringEntry,
  type TensorProto,
  type TypeProto,
  type ValueInfoProto,
} from '../messages.js';
import { tensorFields } from './literals.js';
import { Scanner } from './scanner.js';
import { nextIsType, parseType } from './types.js';

/** Attribute kinds that a list of single values makes. */
const PLURAL: Partial<Record<AttributeType, AttributeType>> = {
  float: 'floats',
  int: 'ints',
  string: 'strings',
  tensor: 'tensors',
  graph: 'graphs',
  type_proto: 'type_protos',
};

/** Recursive descent over the grammar of the ONNX textual syntax (onnx/docs/Syntax.md), one method a rule. */
export class TextParser {
  private readonly scan: Scanner;

  constructor(text: string, file?: string) {
    this.scan = new Scanner(text, file);
  }

  model(): ModelProto {
    const proto: ModelProto = {};
    if (this.scan.next === '<')
      this.header({
        ir_version: () => {
          proto.ir_version = this.long();
        },
        opset_import: () => {
          proto.opset_import = this.opsets();
        },
        producer_name: () => {
          proto.producer_name = this.scan.string();
        },
        producer_version: () => {
          proto.producer_version = this.scan.string();
        },
        domain: () => {
          proto.domain = this.scan.string();
        },
        model_version: () => {
          proto.model_version = this.long();
        },
        doc_string: () => {
          proto.doc_string = this.scan.string();
        },
        metadata_props: () => {
          proto.metadata_props = this.stringEntries();
        },
      });
    proto.graph = this.graph();
    const functions: FunctionProto[] = [];
    while (!this.scan.atEnd) functions.push(this.fn());
    if (functions.length) proto.functions = functions;
    return proto;
  }

  private header(fields: Record<string, () => void>): void {
    this.scan.list('<', '>', () => {
      const unknown = this.scan.unexpected(`one of ${Object.keys(fields).join(', ')}`);
      const key = this.scan.identifier('a field name');
      const read = Object.hasOwn(fields, key) ? fields[key] : undefined;
      if (!read) throw unknown;
      this.scan.expect(':', key);
      read();
    });
  }

  private opsets(): OperatorSetIdProto[] {
    return this.scan.list('[', ']', () => {
      const domain = this.scan.string();
      this.scan.expect(':', 'the domain');
      return { ...(domain ? { domain } : {}), version: this.long() };
    });
  }

  private stringEntries(): StringEntry[] {
    return this.scan.list('[', ']', () => {
      const key = this.scan.string();
      this.scan.expect(':', 'the key');
      return { key, value: this.scan.string() };
    });
  }

  private fn(): FunctionProto {
    const proto: FunctionProto = {};
    if (this.scan.next === '<')
      this.header({
        domain: () => {
          proto.domain = this.scan.string();
        },
        opset_import: () => {
          proto.opset_import = this.opsets();
        },
        doc_string: () => {
          proto.doc_string = this.scan.string();
        },
        overload: () => {
          proto.overload = this.scan.string();
        },
      });
    proto.name = this.scan.quotable('the name of a function');
    if (this.scan.next === '<') this.functionAttributes(proto);
    const infos: ValueInfoProto[] = [];
    proto.input = this.functionValues(infos);
    this.scan.expect('=>', 'the inputs');
    proto.output = this.functionValues(infos);
    if (this.scan.next === '<') infos.push(...this.scan.list('<', '>', () => this.valueInfo()));
    if (infos.length) proto.value_info = infos;
    proto.node = this.nodes();
    return proto;
  }

  private functionAttributes(proto: FunctionProto): void {
    this.scan.list('<', '>', () => {
      const name = this.scan.quotable('the name of an attribute');
      if (this.scan.next === ':' || this.scan.next === '=') {
        proto.attribute_proto ??= [];
        proto.attribute_proto.push(this.attribute(name));
      } else {
        proto.attribute ??= [];
        proto.attribute.push(name);
      }
    });
  }

  private functionValues(infos: ValueInfoProto[]): string[] {
    return this.scan.list('(', ')', () => {
      const info = this.valueInfo();
      if (info.type) infos.push(info);
      return info.name!;
    });
  }

  private graph(name = this.scan.quotable('the name of a graph')): GraphProto {
    const proto: GraphProto = name ? { name } : {};
    const initializers: TensorProto[] = [];
    const values = (open: string, close: string, keep: 'all' | 'plain') =>
      this.scan
        .list(open, close, () => {
          const info = this.valueInfo();
          if (!this.scan.accept('=')) return info;
          initializers.push(this.tensorData(info.type ?? {}, info.name!));
          return keep === 'all' ? info : undefined;
        })
        .filter((info) => info !== undefined);
    proto.input = this.scan.next === '(' ? values('(', ')', 'all') : [];
    this.scan.expect('=>', 'the inputs');
    proto.output = this.scan.list('(', ')', () => this.valueInfo());
    proto.value_info = this.scan.next === '<' ? values('<', '>', 'plain') : [];
    proto.initializer = initializers;
    proto.node = this.nodes();
    return proto;
  }

  private valueInfo(): ValueInfoProto {
    const type = nextIsType(this.scan) ? parseType(this.scan) : undefined;
    const name = this.scan.quotable('the name of a value');
    return type ? { name, type } : { name };
  }

  /** The data of a tensor: values in braces, or in brackets where a file holds them. */
  private tensorData(type: TypeProto, name: string): TensorProto {
    const { elem_type = 0, shape } = type.tensor_type ?? {};
    if (!shape) throw this.scan.error(`the constant ${name} needs a tensor type with a shape`);
    const dims = (shape.dim ?? []).map((dim) => {
      if (!dim.dim_value) throw this.scan.error(`the constant ${name} needs a shape of whole numbers`);
      return dim.dim_value;
    });
    const proto: TensorProto = {
      ...(dims.length ? { dims } : {}),
      data_type: elem_type,
      ...(name ? { name } : {}),
    };
    if (this.scan.next === '[') return { ...proto, data_location: 1, external_data: this.stringEntries() };
    const values = this.scan.list('{', '}', () => this.scan.literal());
    const fields = tensorFields(elem_type, values);
    if (typeof fields === 'string') throw this.scan.error(`the constant ${name} ${fields}`);
    return { ...proto, ...fields };
  }

  private nodes(): NodeProto[] {
    const nodes: NodeProto[] = [];
    this.scan.expect('{');
    while (!this.scan.accept('}')) nodes.push(this.node());
    return nodes;
  }

  private node(): NodeProto {
    const proto: NodeProto = {};
    if (this.scan.accept('[')) {
      proto.name = this.scan.quotable('the name of a node');
      this.scan.expect(']', 'the name of the node');
    }
    proto.output = this.operands('=');
    this.scan.expect('=', 'the outputs of a node');
    const path = [this.scan.quotable('an operator')];
    while (this.scan.accept('.')) path.push(this.scan.quotable('the rest of an operator name'));
    proto.op_type = path.pop()!;
    if (path.length) proto.domain = path.join('.');
    if (this.scan.accept(':')) proto.overload = this.scan.identifier('an overload');
    let attributes = this.attributes();
    this.scan.expect('(', `the operator ${proto.op_type}`);
    proto.input = this.operands(')');
    this.scan.expect(')', `the inputs of ${proto.op_type}`);
    attributes ??= this.attributes();
    if (attributes) proto.attribute = attributes;
    return proto;
  }

  /** Names of a node's inputs or outputs: `""`, or nothing before a comma, stands for an absent one. */
  private operands(close: string): string[] {
    const names: string[] = [];
    while (this.scan.next !== close) {
      names.push(this.scan.next === ',' ? '' : this.scan.quotable(`the name of a value or '${close}'`));
      if (!this.scan.accept(',')) break;
    }
    return names;
  }

  private attributes(): AttributeProto[] | undefined {
    if (this.scan.next !== '<') return undefined;
    return this.scan.list('<', '>', () => this.attribute(this.scan.quotable('the name of an attribute')));
  }

  private attribute(name: string): AttributeProto {
    const wanted = this.scan.accept(':') ? this.attributeType() : undefined;
    this.scan.expect('=', `the attribute ${name}`);
    if (this.scan.next === '[') return { name, ...this.attributeList(name, wanted) };
    return { name, ...this.attributeValue(name, wanted) };
  }

  private attributeType(): AttributeType {
    const wrong = this.scan.unexpected('the type of an attribute');
    const word = this.scan.identifier('the type of an attribute');
    if (!Object.hasOwn(ATTRIBUTE_TYPES, word)) throw wrong;
    return word as AttributeType;
  }

  private attributeList(name: string, wanted: AttributeType | undefined): AttributeProto {
    const single = (Object.keys(PLURAL) as AttributeType[]).find((key) => PLURAL[key] === wanted);
    if (wanted && !single) throw this.scan.error(`the attribute ${name} is a single ${wanted}, not a list`);
    let element = single;
    const items = this.scan.list('[', ']', () => {
      const value = this.attributeValue(name, element);
      element ??= typeName(value);
      return value;
    });
    const plural = element && PLURAL[element];
    if (!plural) throw this.scan.error(`the empty list ${name} needs a type, such as ${name}: ints = []`);
    return { type: ATTRIBUTE_TYPES[plural], ...gather(plural, items) };
  }

  private attributeValue(name: string, wanted: AttributeType | undefined): AttributeProto {
    const value = this.scan.accept('@') ? this.reference(wanted) : this.plainValue();
    const type = typeName(value);
    if (!wanted || type === wanted) return value;
    if (wanted === 'float' && type === 'int') return { type: ATTRIBUTE_TYPES.float, f: value.i!.toNumber() };
    throw this.scan.error(`the attribute ${name} holds a ${type} where its type says ${wanted}`);
  }

  private reference(wanted: AttributeType | undefined): AttributeProto {
    const ref_attr_name = this.scan.quotable('the name of an attribute');
    return { ref_attr_name, ...(wanted ? { type: ATTRIBUTE_TYPES[wanted] } : {}) };
  }

  private plainValue(): AttributeProto {
    if (nextIsType(this.scan)) return this.tensorOrType();
    if (this.scan.peekIdentifier() !== undefined && !this.scan.nextIsSpecialFloat())
      return { type: ATTRIBUTE_TYPES.graph, g: this.graph() };
    const literal = this.scan.literal();
    if (literal.kind === 'string' && /[(=]/.test(this.scan.next))
      return { type: ATTRIBUTE_TYPES.graph, g: this.graph(literal.value) };
    switch (literal.kind) {
      case 'int':
        return { type: ATTRIBUTE_TYPES.int, i: Long.fromString(literal.value.toString()) };
      case 'float':
        return { type: ATTRIBUTE_TYPES.float, f: Math.fround(literal.value) };
      case 'string':
        return { type: ATTRIBUTE_TYPES.string, s: new TextEncoder().encode(literal.value) };
    }
  }

  private tensorOrType(): AttributeProto {
    const type = parseType(this.scan);
    const isTensor = /["{=[A-Za-z_]/.test(this.scan.next);
    if (!isTensor) return { type: ATTRIBUTE_TYPES.type_proto, tp: type };
    const name = /[{=[]/.test(this.scan.next) ? '' : this.scan.quotable('the name of a tensor');
    this.scan.accept('=');
    return { type: ATTRIBUTE_TYPES.tensor, t: this.tensorData(type, name) };
  }

  private long(): Long {
    return Long.fromString(this.scan.int().toString());
  }
}

function typeName(value: AttributeProto): AttributeType | undefined {
  return (Object.keys(ATTRIBUTE_TYPES) as AttributeType[]).find((key) => ATTRIBUTE_TYPES[key] === value.type);
}

function gather(plural: AttributeType, items: readonly AttributeProto[]): AttributeProto {
  switch (plural) {
    case 'floats':
      return { floats: items.map((item) => item.f!) };
    case 'ints':
      return { ints: items.map((item) => item.i!) };
    case 'strings':
      return { strings: items.map((item) => item.s!) };
    case 'tensors':
      return { tensors: items.map((item) => item.t!) };
    case 'graphs':
      return { graphs: items.map((item) => item.g!) };
    default:
      return { type_protos: items.map((item) => item.tp!) };
  }
}
