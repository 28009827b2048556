import { Graph, type ValueInfo } from './graph.js';
import { type Attribute, Node } from './node.js';
import { type Origin, Tensor } from './tensor.js';

/** Where a model was read from. */
export interface ModelSource {
  path: string;
  /** Bytes of the main file (external data not included); absent where the model was put together from several. */
  bytes?: Uint8Array;
}

/** A model: a graph with the versions of the operator sets it is written in. */
export class Model {
  irVersion = 8n;
  /** Operator-set version by domain; the default domain is the empty string. */
  opsets = new Map<string, number>();
  graph = new Graph();
  /** `metadata_props`, kept in order. */
  metadata = new Map<string, string>();
  producer = '';
  /** Local functions, by `domain.name`: the operators they define. Their bodies stay with the origin. */
  functions: { domain: string; name: string; origin: Origin }[] = [];
  source?: ModelSource | undefined;
  /** Shapes of the inputs for a sample of the data at hand, which costs are counted on; shared by copies, in no file. */
  sampleShapes = new Map<string, readonly number[]>();
  origin?: Origin;

  private counter = 0;

  /** Version of the default operator set. */
  get opset(): number {
    return this.opsets.get('') ?? this.opsets.get('ai.onnx') ?? 1;
  }

  /**
   * The constant behind a name in `graph`: an initializer or the output of a Constant node. An initializer that is
   * also a graph input counts only where `irVersion` is below 4, which knows no other kind. Looks through the nodes on
   * each call; `constants()` is for loops over the whole graph.
   */
  constant(name: string, graph: Graph = this.graph): Tensor | undefined {
    const tensor = graph.initializers.get(name);
    if (tensor) return this.irVersion >= 4n && graph.isInput(name) ? undefined : tensor;
    for (const node of graph.nodes)
      if (node.outputs[0] === name) return node.type === 'Constant' ? constantValue(node) : undefined;
    return undefined;
  }

  /** Every constant that `constant` finds in `graph`, by name. Made afresh; stale once the graph changes. */
  constants(graph: Graph = this.graph): Map<string, Tensor> {
    const found = new Map(graph.initializers);
    if (this.irVersion >= 4n) for (const input of graph.inputs) found.delete(input.name);
    for (const node of graph.nodes) {
      const value = node.type === 'Constant' ? constantValue(node) : undefined;
      if (value && node.outputs[0]) found.set(node.outputs[0], value);
    }
    return found;
  }

  /** A name that nothing in the model bears yet: `base`, or `base_1`, `base_2`, … Reserves it. */
  freshName(base: string): string {
    this.names ??= namesIn(this);
    let name = base;
    while (this.names.has(name)) name = `${base}_${++this.counter}`;
    this.names.add(name);
    return name;
  }

  private names: Set<string> | undefined;

  /** Adds a constant to the main graph under a fresh name and returns that name. */
  addInitializer(tensor: Tensor, graph: Graph = this.graph): string {
    const name = this.freshName(tensor.name);
    graph.initializers.set(name, tensor.renamed(name));
    return name;
  }

  /** A copy that can be changed without changing this one. Tensors are immutable and shared. */
  clone(): Model {
    const copy = new Model();
    copy.irVersion = this.irVersion;
    copy.opsets = new Map(this.opsets);
    copy.graph = cloneGraph(this.graph);
    copy.metadata = new Map(this.metadata);
    copy.producer = this.producer;
    copy.functions = [...this.functions];
    copy.source = this.source;
    copy.sampleShapes = this.sampleShapes;
    copy.origin = this.origin;
    return copy;
  }
}

/** The value of a Constant node in any of its forms but the sparse one (ONNX Constant-1, -12). */
export function constantValue(node: Node): Tensor | undefined {
  const name = node.outputs[0] ?? '';
  for (const attribute of node.attributes.values())
    switch (attribute.kind) {
      case 'tensor':
        return attribute.value.renamed(name);
      case 'float':
        return Tensor.from(name, 'float32', [], [attribute.value]);
      case 'floats':
        return Tensor.from(name, 'float32', [attribute.value.length], attribute.value);
      case 'int':
        return Tensor.of(name, 'int64', [], BigInt64Array.of(attribute.value));
      case 'ints':
        return Tensor.of(name, 'int64', [attribute.value.length], BigInt64Array.from(attribute.value));
      case 'string':
        return new Tensor(name, 'string', [], { strings: [attribute.value] });
      case 'strings':
        return new Tensor(name, 'string', [attribute.value.length], { strings: attribute.value });
    }
  return undefined;
}

/** A copy of a graph with its nodes and subgraphs; tensors are shared. */
export function cloneGraph(graph: Graph): Graph {
  const copy = new Graph();
  const copyInfo = (info: ValueInfo): ValueInfo => ({ ...info });
  copy.name = graph.name;
  copy.nodes = graph.nodes.map(cloneNode);
  copy.inputs = graph.inputs.map(copyInfo);
  copy.outputs = graph.outputs.map(copyInfo);
  copy.initializers = new Map(graph.initializers);
  copy.valueInfos = new Map([...graph.valueInfos].map(([name, info]) => [name, copyInfo(info)]));
  copy.sparse = new Set(graph.sparse);
  copy.origin = graph.origin;
  return copy;
}

/** A copy of a node with its subgraphs. */
export function cloneNode(node: Node): Node {
  const copy = new Node({ ...node, attributes: {} });
  copy.attributes = new Map([...node.attributes].map(([name, attribute]) => [name, cloneAttribute(attribute)]));
  copy.origin = node.origin;
  return copy;
}

function cloneAttribute(attribute: Attribute): Attribute {
  if (attribute.kind === 'graph') return { ...attribute, value: cloneGraph(attribute.value) };
  if (attribute.kind === 'graphs') return { ...attribute, value: attribute.value.map(cloneGraph) };
  return { ...attribute };
}

/** Every name of a value or a node in a model, subgraphs included. */
export function namesIn(model: Model): Set<string> {
  const names = new Set<string>();
  for (const graph of model.graph.walk()) {
    for (const info of [...graph.inputs, ...graph.outputs]) names.add(info.name);
    for (const name of graph.initializers.keys()) names.add(name);
    for (const node of graph.nodes) {
      names.add(node.name);
      for (const name of [...node.inputs, ...node.outputs]) names.add(name);
    }
  }
  return names;
}
