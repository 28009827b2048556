import { constantValue, type Model } from '../ir/model.js';
import type { Node } from '../ir/node.js';
import { type Shape, shapeByRule } from './shape-rules.js';
import { SizeNames } from './size.js';
import { inferValueTypes, type ValueFacts } from './value-types.js';
import { evaluate, numbersOf, type Operands, type WholeNumbers } from './whole-numbers.js';

/** Rounds of inference; each lets ONNX Runtime carry the shapes found in the one before further. */
const MOST_ROUNDS = 8;

/**
 * Finds shapes that depend on computed values (Reshape, Expand, Range, Slice …), which ONNX Runtime's inference leaves
 * open: evaluates the model's shape arithmetic on symbols and hands the result back to ONNX Runtime as hints.
 */
export async function inferSymbolicShapes(model: Model): Promise<SymbolicShapes> {
  const names = new SizeNames();
  const hints = new Map<string, ValueFacts>();
  for (let round = 1; ; round++) {
    const shapes = new SymbolicShapes(model, await inferValueTypes(model, hints), names);
    if (shapes.isComplete || !shapes.found.size || round === MOST_ROUNDS) return shapes;
    for (const [name, facts] of shapes.found) hints.set(name, facts);
  }
}

/** Shapes of the main graph's values, and the whole numbers that shape arithmetic computes from them. */
export class SymbolicShapes {
  /** Contents of scalars and vectors of whole numbers: constants, and values computed from shapes. */
  readonly numbers = new Map<string, WholeNumbers>();
  /** Values of which more is known here than ONNX Runtime told. */
  readonly found = new Map<string, ValueFacts>();

  private readonly nodes: readonly Node[];

  /** @param facts what ONNX Runtime told; completed in place. */
  constructor(
    model: Model,
    readonly facts: Map<string, ValueFacts>,
    private readonly names: SizeNames,
  ) {
    const { graph } = model;
    for (const [name, tensor] of graph.initializers)
      if (model.irVersion < 4n || !graph.isInput(name)) this.note(name, numbersOf(tensor));
    graph.sort();
    this.nodes = [...graph.nodes];
    for (const node of this.nodes) this.visit(node);
  }

  /** True where the shape of every value is known to the last dimension. */
  get isComplete(): boolean {
    const isKnown = (name: string) => !name || this.facts.get(name)?.dims?.every((dim) => dim !== undefined);
    return this.nodes.every((node) => node.outputs.every(isKnown));
  }

  /** The shape of a value as sizes, where its rank is known. */
  sizes(name: string): Shape | undefined {
    return this.facts.get(name)?.dims?.map((dim) => this.names.read(dim));
  }

  private visit(node: Node): void {
    const output = node.outputs[0];
    if (!output) return;
    const operands: Operands = {
      node,
      numbers: (input) => this.numbers.get(node.inputs[input] ?? ''),
      shape: (input) => this.sizes(node.inputs[input] ?? ''),
    };
    const value = node.type === 'Constant' ? constantValue(node) : undefined;
    this.note(output, value ? numbersOf(value) : evaluate(operands));
    const known = this.facts.get(output);
    if (known && !known.dims?.every((dim) => dim !== undefined)) this.complete(output, known, shapeByRule(operands));
  }

  private note(name: string, numbers: WholeNumbers | undefined): void {
    if (numbers) this.numbers.set(name, numbers);
  }

  private complete(name: string, known: ValueFacts, shape: Shape | undefined): void {
    if (!shape || (known.dims && known.dims.length !== shape.length)) return;
    const dims = shape.map((size, i) => known.dims?.[i] ?? this.names.write(size));
    if (known.dims && dims.every((dim, i) => dim === known.dims![i])) return;
    const facts = { type: known.type, dims };
    this.facts.set(name, facts);
    this.found.set(name, facts);
  }
}
