import type { ValueFacts } from '../analysis/value-types.js';
import { UserError } from '../errors.js';
import { Emitter } from '../ir/emitter.js';
import { captures, type Graph, usedValues } from '../ir/graph.js';
import type { Model } from '../ir/model.js';
import type { Node } from '../ir/node.js';
import type { Tensor } from '../ir/tensor.js';
import { type DataType, isFloat } from '../ir/types.js';
import { type Bodies, type ForwardValues, NoGradient, Site } from '../ops/gradients/site.js';
import { gradientRow, stopsGradients } from '../ops/gradients/table.js';

/** A node through which no gradient can be taken, and why. */
export interface Obstacle {
  node: Node;
  reason: string;
}

/** What differentiation needs to know beside the model. */
export interface DifferentiateOptions {
  /** Types and shapes of the forward values (`inferValueTypes`). */
  facts: ReadonlyMap<string, ValueFacts>;
  /** Typical sizes of symbols, for recipes that are chosen by cost. */
  typical?: ReadonlyMap<string, number> | undefined;
  /** Channels per block where convolutions may use ONNX Runtime's blocked layout (`convolutionBlock`). */
  blockSize?: number | undefined;
}

/**
 * Reverse-mode differentiation, ONNX to ONNX: appends the nodes of the backward pass to a model's main graph. Values that
 * do not depend on `parameters`, or on which no target depends, cost nothing.
 * @param targets values of the main graph, each with the name of the gradient that arrives there (of the target's shape;
 * a scalar 1 for a loss): the result is the vector–Jacobian product of all of them.
 * @param parameters values to differentiate by: initializers, inputs, or anything inside.
 * @returns the name of the gradient of each parameter that a target depends on.
 * @throws UserError naming every node that stands in the way.
 */
export function differentiate(
  model: Model,
  targets: ReadonlyMap<string, string>,
  parameters: readonly string[],
  options: DifferentiateOptions,
): Map<string, string> {
  const gradients = new Backward(model, model.graph, targets, new Set(parameters), options);
  gradients.run();
  if (gradients.obstacles.length) throw obstacleError(model, gradients.obstacles);
  return new Map(parameters.flatMap((name) => (gradients.total(name) ? [[name, gradients.total(name)!]] : [])));
}

/**
 * The nodes that `differentiate` would stumble over, and the parameters that it would get to; the model is left as it is.
 */
export function findObstacles(
  model: Model,
  targets: ReadonlyMap<string, string>,
  parameters: readonly string[],
  options: DifferentiateOptions,
): { obstacles: Obstacle[]; reached: string[] } {
  const copy = model.clone();
  const gradients = new Backward(copy, copy.graph, targets, new Set(parameters), options);
  gradients.run();
  return { obstacles: gradients.obstacles, reached: parameters.filter((name) => gradients.total(name)) };
}

/** Operators that round floats to integers on purpose: what they hide from gradients is meant to be computed with. */
const QUANTIZES: ReadonlySet<string> = new Set(['QuantizeLinear', 'DynamicQuantizeLinear']);

/** Operators whose results may have another type than what they are computed from. */
const CHANGES_TYPE: ReadonlySet<string> = new Set(['Cast', 'QuantizeLinear']);

class Backward {
  readonly obstacles: Obstacle[] = [];
  private readonly forward: readonly Node[];
  private readonly contributions = new Map<string, string[]>();
  /** Integers that become floats again at once, so that gradients pass straight through. */
  private readonly rounded: ReadonlySet<string>;
  private readonly active: ReadonlySet<string>;
  private readonly values: ForwardValues;
  private readonly emitter: Emitter;

  /**
   * @param graph the main graph, or a body that captures the parameters.
   * @param outer the constants around a body.
   */
  constructor(
    private readonly model: Model,
    graph: Graph,
    private readonly targets: ReadonlyMap<string, string>,
    parameters: ReadonlySet<string>,
    private readonly options: DifferentiateOptions,
    outer?: ForwardValues['constant'],
  ) {
    graph.sort();
    this.forward = [...graph.nodes];
    const constants = model.constants(graph);
    this.rounded = fakeQuantized(graph, constants);
    this.active = this.activeValues(parameters);
    this.emitter = new Emitter(model, 'gradient', graph.nodes);
    this.values = {
      facts: (name) => options.facts.get(name),
      constant: (name) => (parameters.has(name) ? undefined : (constants.get(name) ?? outer?.(name))),
      typical: (symbol) => options.typical?.get(symbol),
      blockSize: options.blockSize,
    };
    for (const [target, gradient] of targets) this.contributions.set(target, [gradient]);
  }

  run(): void {
    for (const node of [...this.forward].reverse()) {
      const upstream = node.outputs.map((output) => (this.active.has(output) ? this.total(output) : undefined));
      if (upstream.some(Boolean) && !stopsGradients(node.type)) this.visit(node, upstream);
    }
  }

  /** The gradient of a value, its contributions summed; undefined where no target depends on it. */
  total(name: string): string | undefined {
    const parts = this.contributions.get(name);
    if (parts && parts.length > 1) parts.splice(0, parts.length, this.emitter.op('Sum', parts));
    return parts?.[0];
  }

  private visit(node: Node, upstream: readonly (string | undefined)[]): void {
    const wanted = new Set(node.inputs.flatMap((input, position) => (this.active.has(input) ? [position] : [])));
    const bodies = this.bodiesOf(node);
    const site = new Site(node, this.emitter, this.values, upstream, wanted, bodies);
    try {
      const other =
        !CHANGES_TYPE.has(node.type) &&
        node.outputs.find((output) => this.active.has(output) && this.typeOf(output) !== 'float32');
      if (other) site.refuse(`it computes in ${this.typeOf(other)}; gradients need float32`);
      const row = gradientRow(node.type) ?? site.refuse(this.whyNone(node.type));
      row(site);
      for (const [position, gradient] of site.gradients) this.contribute(node.inputs[position]!, gradient);
    } catch (error) {
      if (!(error instanceof NoGradient)) throw error;
      this.obstacles.push({ node, reason: error.message });
      // The walk goes on with any gradient, to find what else stands in the way.
      const sources = [...wanted].map((position) => node.inputs[position]!);
      for (const name of new Set([...sources, ...bodies.wanted])) this.contribute(name, upstream.find(Boolean)!);
    }
  }

  private whyNone(type: string): string {
    const isFunction = this.model.functions.some(({ domain, name }) => `${domain}.${name}` === type);
    return isFunction
      ? `${type} is a function of the model itself; put its operators in its place (onnx.inliner in Python does)`
      : `${type} has no gradient`;
  }

  private bodiesOf(node: Node): Bodies {
    const captured = new Set(node.subgraphs().flatMap((body) => [...captures(body)]));
    return {
      wanted: [...captured].filter((name) => this.active.has(name)),
      give: (name, gradient) => this.contribute(name, gradient),
      differentiate: (body, targets, by) => {
        const inner = new Backward(this.model, body, targets, new Set(by), this.options, this.values.constant);
        inner.run();
        this.obstacles.push(...inner.obstacles);
        return new Map(by.flatMap((name) => (inner.total(name) ? [[name, inner.total(name)!]] : [])));
      },
    };
  }

  private contribute(name: string, gradient: string): void {
    const parts = this.contributions.get(name);
    if (parts) parts.push(gradient);
    else this.contributions.set(name, [gradient]);
  }

  /** Float values, and those that stand for floats, that depend on a parameter and that a target depends on. */
  private activeValues(parameters: ReadonlySet<string>): Set<string> {
    const reached = new Set(parameters);
    const carries = (name: string) => name && (isFloat(this.typeOf(name)) || this.rounded.has(name));
    for (const node of this.forward)
      if (!stopsGradients(node.type) && [...usedValues(node)].some((name) => reached.has(name)))
        for (const output of node.outputs) if (carries(output)) reached.add(output);
    const needed = new Set(this.targets.keys());
    for (const node of [...this.forward].reverse()) {
      if (!node.outputs.some((output) => needed.has(output))) continue;
      for (const name of usedValues(node)) needed.add(name);
      if (QUANTIZES.has(node.type) && reached.has(node.inputs[0]!) && !this.rounded.has(node.outputs[0]!))
        this.obstacles.push({ node, reason: 'gradients end where values are rounded to integers' });
    }
    return new Set([...reached].filter((name) => needed.has(name)));
  }

  /** Element type of a value; float32 where it is not known. */
  private typeOf(name: string): DataType {
    return this.options.facts.get(name)?.type ?? 'float32';
  }
}

/** What QuantizeLinear gives to nothing but DequantizeLinear with the same scale and zero point: fake quantization. */
function fakeQuantized(graph: Graph, constants: ReadonlyMap<string, Tensor>): Set<string> {
  const { consumers, outputs } = graph.index();
  const same = (a = '', b = '') => a === b || isEqualTensor(constants.get(a), constants.get(b));
  const restores = (node: Node, quantizer: Node) =>
    node.type === 'DequantizeLinear' &&
    node.int('axis', 1) === quantizer.int('axis', 1) &&
    [1, 2].every((place) => same(node.inputs[place], quantizer.inputs[place]));
  return new Set(
    graph.nodes.flatMap((node) => {
      const [output = ''] = node.outputs;
      if (node.type !== 'QuantizeLinear' || outputs.has(output)) return [];
      return consumers.get(output)?.every((consumer) => restores(consumer, node)) ? [output] : [];
    }),
  );
}

const isEqualTensor = (a: Tensor | undefined, b: Tensor | undefined) =>
  a !== undefined && b !== undefined && a.size === b.size && Buffer.from(a.bytes()).equals(b.bytes());

function obstacleError(model: Model, obstacles: readonly Obstacle[]): UserError {
  const list = obstacles.map(({ node, reason }) => `${node.label} (${node.type}): ${reason}`);
  return new UserError(`cannot be trained: ${list.join('; ')}`, {
    file: model.source?.path,
    mend: 'freeze the layers up to there (--freeze), so that no gradient has to pass',
  });
}
