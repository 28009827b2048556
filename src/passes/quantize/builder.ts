import type { Model } from '../../ir/model.js';
import { type AttributeLiteral, Node } from '../../ir/node.js';
import { Tensor } from '../../ir/tensor.js';

/** Adds constants and nodes to a model's main graph under fresh names. */
export class GraphBuilder {
  constructor(readonly model: Model) {}

  /** A float32 constant: a scalar, or a vector. */
  floats(name: string, values: Float32Array | number): string {
    const tensor =
      typeof values === 'number'
        ? Tensor.from(name, 'float32', [], [values])
        : Tensor.of(name, 'float32', [values.length], values);
    return this.model.addInitializer(tensor);
  }

  constant(tensor: Tensor): string {
    return this.model.addInitializer(tensor);
  }

  /**
   * Adds a node and returns its first output's name: `output`, or a fresh one made from `base`. So is the node's name, but
   * for one that stands for a node of the model, whose `name` it takes over.
   */
  node(
    op: string,
    inputs: readonly string[],
    base: string,
    options: {
      name?: string;
      output?: string;
      outputs?: number;
      domain?: string;
      attributes?: Record<string, AttributeLiteral | undefined>;
    } = {},
  ): string[] {
    const first = options.output ?? this.model.freshName(base);
    const more = Array.from({ length: (options.outputs ?? 1) - 1 }, (_, k) => this.model.freshName(`${base}_${k + 1}`));
    const outputs = [first, ...more];
    const { domain = '', attributes = {}, name = this.model.freshName(`${base}_${op}`) } = options;
    this.model.graph.nodes.push(new Node({ op, domain, name, inputs, outputs, attributes }));
    if (domain && !this.model.opsets.has(domain)) this.model.opsets.set(domain, 1);
    return outputs;
  }
}
