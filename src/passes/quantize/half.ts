import type { Model } from '../../ir/model.js';
import { Node } from '../../ir/node.js';
import { Tensor } from '../../ir/tensor.js';
import { DATA_TYPES } from '../../ir/types.js';
import { replaceInNode, usedValues } from '../../ir/uses.js';
import { halfRow } from '../../ops/half.js';
import { Bypass } from '../bypass.js';
import { constantsToInitializers } from '../cleanup/constants-to-initializers.js';
import { initializersOutOfInputs } from '../cleanup/initializers-out-of-inputs.js';
import { halfTensor } from './half-constants.js';
import { float32Nodes, type HalfOptions } from './half-exceptions.js';

export { float32Nodes, type HalfOptions } from './half-exceptions.js';

type Form = 'float16' | 'float32';

/** What ConstantOfShape fills with where nothing is given. */
const ZERO = Tensor.from('', 'float32', [1], [0]);

/**
 * Converts the main graph of a model to float16 arithmetic, in place: weights and computed values become float16, while
 * the graph's inputs and outputs keep their types, with a Cast at each end. What float16 cannot do stays in float32
 * between Casts (`float32Nodes`). Constants are converted once, however many nodes share them, and no Cast stands twice.
 * @returns the nodes with float32 values that stay in float32, each with the reason.
 */
export function convertToHalf(model: Model, options: HalfOptions): Map<Node, string> {
  initializersOutOfInputs.run(model);
  constantsToInitializers.run(model);
  const kept = float32Nodes(model, options);
  const values = new ValueForms(model, options);
  const nodes = model.graph.nodes.filter((node) => !values.isFreeCast(node));
  for (const node of nodes) values.nameOutputs(node, kept.has(node));
  for (const node of nodes) values.connect(node, kept.has(node));
  values.finish();
  const touched = ({ inputs, outputs }: Node) =>
    [...inputs, ...outputs].some((name) => name && options.isFloat32(name));
  return new Map(nodes.filter((node) => kept.has(node) && touched(node)).map((node) => [node, kept.get(node)!]));
}

/** The names under which each float32 value of the original graph is to be had, in float16 and in float32. */
class ValueForms {
  private readonly names = new Map<string, Partial<Record<Form, string>>>();
  private readonly casts: Node[] = [];
  /** Casts to float32: their source can be cast to either form, or is there in both. */
  private readonly freeCasts = new Map<string, Node>();
  private readonly outputs: ReadonlySet<string>;

  constructor(
    private readonly model: Model,
    private readonly options: HalfOptions,
  ) {
    const { graph } = model;
    this.outputs = new Set(graph.outputs.map((output) => output.name));
    for (const node of graph.nodes)
      if (node.type === 'Cast' && node.int('to') === DATA_TYPES.float32.code)
        this.freeCasts.set(node.outputs[0]!, node);
  }

  isFreeCast(node: Node): boolean {
    return this.freeCasts.get(node.outputs[0]!) === node;
  }

  /** Settles in which form a node makes its float32 outputs; outputs of the graph keep their names for float32. */
  nameOutputs(node: Node, kept: boolean): void {
    const { float32Outputs } = halfRow(node, this.model.opset, this.options.target);
    node.outputs = node.outputs.map((name, position) => {
      if (!name || !this.options.isFloat32(name)) return name;
      if (node.type === 'ConstantOfShape' && !kept) node.set('value', halfTensor('', node.tensor('value') ?? ZERO));
      const form: Form = kept || float32Outputs?.includes(position) ? 'float32' : 'float16';
      const made = form === 'float16' && this.outputs.has(name) ? this.model.freshName(`${name}_float16`) : name;
      this.names.set(name, { [form]: made });
      return made;
    });
  }

  /** Connects a node to its inputs in the form that it takes. */
  connect(node: Node, kept: boolean): void {
    if (node.subgraphs().length) {
      this.connectSubgraphs(node);
      return;
    }
    const { float32Inputs } = halfRow(node, this.model.opset, this.options.target);
    node.inputs = node.inputs.map((name, input) => {
      if (!name || !this.options.isFloat32(name)) return name;
      return this.named(name, kept || float32Inputs?.includes(input) ? 'float32' : 'float16');
    });
  }

  /** Adds the Casts, the float32 outputs, and takes away what is not used any more. */
  finish(): void {
    const { graph } = this.model;
    for (const { name } of graph.outputs) if (this.options.isFloat32(name)) this.named(name, 'float32');
    graph.nodes.push(...this.casts);
    graph.removeNodes(new Set(this.freeCasts.values()));
    graph.valueInfos.clear();
    this.removeUselessCasts();
    const used = new Set([...graph.index().consumers.keys(), ...this.outputs]);
    for (const name of graph.initializers.keys()) if (!used.has(name)) graph.initializers.delete(name);
    graph.sort();
  }

  /** A subgraph may capture any value, so the whole node takes float32. */
  private connectSubgraphs(node: Node): void {
    const used = [...usedValues(node)].filter((name) => this.options.isFloat32(name));
    replaceInNode(node, new Map(used.map((name) => [name, this.named(name, 'float32')])));
  }

  /** The name of a value in a form, which is made where it is not there yet. */
  private named(value: string, form: Form): string {
    const forms = this.formsOf(value);
    forms[form] ??= this.make(value, form);
    return forms[form];
  }

  private make(value: string, form: Form): string {
    const constant = this.model.graph.initializers.get(value);
    if (constant) return this.model.addInitializer(halfTensor(`${value}_float16`, constant));
    const source = this.freeCasts.get(value)?.inputs[0];
    if (source === undefined)
      return this.cast(this.formsOf(value)[form === 'float16' ? 'float32' : 'float16']!, value, form);
    if (form === 'float16' && this.isFloat16(source)) return source;
    if (!this.options.isFloat32(source)) return this.cast(source, value, form);
    const same = this.named(source, form);
    return form === 'float32' && this.outputs.has(value) ? this.cast(same, value, form) : same;
  }

  /** Inputs and constants of the graph are there in float32; free Casts in neither form, until one is asked for. */
  private formsOf(value: string): Partial<Record<Form, string>> {
    const known = this.names.get(value) ?? (this.freeCasts.has(value) ? {} : { float32: value });
    this.names.set(value, known);
    return known;
  }

  private isFloat16(value: string): boolean {
    return this.model.graph.initializers.get(value)?.type === 'float16' || (this.options.isFloat16?.(value) ?? false);
  }

  private cast(source: string, value: string, form: Form): string {
    const keepsName = form === 'float32' && (this.outputs.has(value) || this.freeCasts.has(value));
    const output = keepsName ? value : this.model.freshName(`${value}_${form}`);
    const name = this.model.freshName(`${output}_Cast`);
    const to = DATA_TYPES[form].code;
    this.casts.push(new Node({ op: 'Cast', name, inputs: [source], outputs: [output], attributes: { to } }));
    return output;
  }

  /** What was cast to float16 in the original, and is float16 now. */
  private removeUselessCasts(): void {
    const { graph } = this.model;
    const halves = new Set([...this.names.values()].map(({ float16 }) => float16));
    const bypass = new Bypass(graph);
    for (const node of graph.nodes)
      if (node.type === 'Cast' && node.int('to') === DATA_TYPES.float16.code && halves.has(node.inputs[0]!))
        bypass.take(node, node.inputs[0]!);
    bypass.apply();
  }
}
