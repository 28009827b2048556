import type { ValueFacts } from '../../analysis/value-types.js';
import type { Model } from '../../ir/model.js';
import type { Node } from '../../ir/node.js';
import type { Tensor } from '../../ir/tensor.js';

/** What a fusion asks about the nodes of a main graph. */
export class Neighbourhood {
  private readonly index;
  private readonly constants;

  constructor(
    model: Model,
    private readonly facts: ReadonlyMap<string, ValueFacts>,
  ) {
    this.index = model.graph.index();
    this.constants = model.constants();
  }

  /** The node that makes a value, where it is of one of some types. */
  producer(name: string | undefined, ...types: string[]): Node | undefined {
    const node = name ? this.index.producer.get(name) : undefined;
    return node && types.includes(node.type) ? node : undefined;
  }

  /** The node that alone takes the first output of another, where that is no output of the graph. */
  soleConsumer({ outputs: [name] }: Node, ...types: string[]): Node | undefined {
    const users = this.index.consumers.get(name!);
    if (users?.length !== 1 || this.index.outputs.has(name!)) return undefined;
    return types.includes(users[0]!.type) ? users[0] : undefined;
  }

  constant(name: string | undefined): Tensor | undefined {
    return name ? this.constants.get(name) : undefined;
  }

  /** The number in a constant with one element. */
  scalar(name: string | undefined): number | undefined {
    const tensor = this.constant(name);
    return tensor?.size === 1 ? tensor.toNumbers()[0] : undefined;
  }

  /** True for a constant that is one number, to float32 precision as exporters round it. */
  isNumber(name: string | undefined, value: number): boolean {
    const found = this.scalar(name);
    return found !== undefined && Math.abs(found - value) <= 1e-4 * Math.abs(value);
  }

  /** Sizes of a value, symbols for those that vary; undefined where the rank is unknown. */
  dims(name: string): ValueFacts['dims'] {
    return this.facts.get(name)?.dims;
  }

  isFloat32(name: string): boolean {
    return this.facts.get(name)?.type === 'float32';
  }
}

/** The other one of a node's two inputs. */
export function otherInput({ inputs }: Node, name: string): string {
  return inputs[0] === name ? inputs[1]! : inputs[0]!;
}
