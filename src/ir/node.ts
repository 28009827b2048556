import type { Graph } from './graph.js';
import type { Origin, Tensor } from './tensor.js';

/** The value of a node's attribute. Strings are UTF-8 text; `other` holds what only the writer understands. */
export type AttributeValue =
  | { kind: 'float'; value: number }
  | { kind: 'int'; value: bigint }
  | { kind: 'string'; value: Uint8Array }
  | { kind: 'tensor'; value: Tensor }
  | { kind: 'graph'; value: Graph }
  | { kind: 'floats'; value: readonly number[] }
  | { kind: 'ints'; value: readonly bigint[] }
  | { kind: 'strings'; value: readonly Uint8Array[] }
  | { kind: 'graphs'; value: readonly Graph[] }
  | { kind: 'other' };

/** An attribute with what the reader kept of it. */
export type Attribute = AttributeValue & { origin?: Origin };

/** Attributes as literals: numbers that are whole become ints, `{ float: 1 }` says otherwise. */
export type AttributeLiteral =
  | number
  | string
  | readonly number[]
  | { float: number }
  | { floats: readonly number[] }
  | Tensor
  | Attribute;

/** What a new node is made from. */
export interface NodeSpec {
  op: string;
  domain?: string;
  name?: string;
  inputs: readonly string[];
  outputs: readonly string[];
  attributes?: Record<string, AttributeLiteral | undefined>;
}

/** One operation of a graph. An absent optional input or output is the empty string. */
export class Node {
  name: string;
  op: string;
  domain: string;
  inputs: string[];
  outputs: string[];
  attributes: Map<string, Attribute>;
  /** Opaque: what the reader kept for the writer. */
  origin?: Origin;

  constructor(spec: NodeSpec) {
    this.name = spec.name ?? '';
    this.op = spec.op;
    this.domain = spec.domain ?? '';
    this.inputs = [...spec.inputs];
    this.outputs = [...spec.outputs];
    this.attributes = new Map();
    for (const [name, value] of Object.entries(spec.attributes ?? {}))
      if (value !== undefined) this.attributes.set(name, toAttribute(value));
  }

  /** Key into the operator tables: `Conv` for standard operators, `com.microsoft.Gelu` for others. */
  get type(): string {
    return this.domain === '' || this.domain === 'ai.onnx' ? this.op : `${this.domain}.${this.op}`;
  }

  /** The node's name, or its first output's where it has none; for messages and reports. */
  get label(): string {
    return this.name || this.outputs.find(Boolean) || this.op;
  }

  /** Attribute as a number; `fallback` where absent. */
  int(name: string, fallback: number): number;
  int(name: string): number | undefined;
  int(name: string, fallback?: number): number | undefined {
    const attribute = this.attributes.get(name);
    return attribute?.kind === 'int' ? Number(attribute.value) : fallback;
  }

  float(name: string, fallback: number): number;
  float(name: string): number | undefined;
  float(name: string, fallback?: number): number | undefined {
    const attribute = this.attributes.get(name);
    return attribute?.kind === 'float' ? attribute.value : fallback;
  }

  string(name: string, fallback: string): string;
  string(name: string): string | undefined;
  string(name: string, fallback?: string): string | undefined {
    const attribute = this.attributes.get(name);
    return attribute?.kind === 'string' ? new TextDecoder().decode(attribute.value) : fallback;
  }

  ints(name: string): number[] | undefined {
    const attribute = this.attributes.get(name);
    return attribute?.kind === 'ints' ? attribute.value.map(Number) : undefined;
  }

  floats(name: string): readonly number[] | undefined {
    const attribute = this.attributes.get(name);
    return attribute?.kind === 'floats' ? attribute.value : undefined;
  }

  tensor(name: string): Tensor | undefined {
    const attribute = this.attributes.get(name);
    return attribute?.kind === 'tensor' ? attribute.value : undefined;
  }

  /** Sets an attribute, or removes it when the value is undefined. */
  set(name: string, value: AttributeLiteral | undefined): void {
    if (value === undefined) this.attributes.delete(name);
    else this.attributes.set(name, toAttribute(value));
  }

  /** The graphs in this node's attributes: If branches, Loop and Scan bodies. */
  subgraphs(): Graph[] {
    const graphs: Graph[] = [];
    for (const attribute of this.attributes.values()) {
      if (attribute.kind === 'graph') graphs.push(attribute.value);
      if (attribute.kind === 'graphs') graphs.push(...attribute.value);
    }
    return graphs;
  }
}

function toAttribute(value: AttributeLiteral): Attribute {
  if (typeof value === 'number')
    return Number.isInteger(value) ? { kind: 'int', value: BigInt(value) } : { kind: 'float', value };
  if (typeof value === 'string') return { kind: 'string', value: new TextEncoder().encode(value) };
  if (Array.isArray(value)) return { kind: 'ints', value: value.map((v) => BigInt(v)) };
  if ('float' in value) return { kind: 'float', value: value.float };
  if ('floats' in value) return { kind: 'floats', value: value.floats };
  if ('kind' in value) return value;
  return { kind: 'tensor', value: value as Tensor };
}
