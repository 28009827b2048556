import { inferValueTypes, type ValueFacts } from '../analysis/value-types.js';
import { Emitter } from '../ir/emitter.js';
import type { Dim, GraphIndex } from '../ir/graph.js';
import { usedValues } from '../ir/graph.js';
import type { Model } from '../ir/model.js';
import type { Node } from '../ir/node.js';
import { Tensor } from '../ir/tensor.js';
import { isFloat } from '../ir/types.js';
import { replaceInNode } from '../ir/uses.js';
import { BlockedLayout } from '../ops/gradients/blocked.js';
import { removeDeadNodes } from '../passes/cleanup/remove-dead-nodes.js';
import type { Pass } from '../passes/pass.js';
import { blockedRule } from './blocked-rules.js';

/** A value of [N, C, H, W] or [N, C, L] that exists in the blocked layout. */
export interface BlockedValue {
  /** Its name, declared as [N, C rounded up, H, W]. */
  name: string;
  dims: readonly Dim[];
}

/**
 * Rewrites convolutions whose weights are no constants into ONNX Runtime's blocked layout, which its own optimizer does
 * for constant weights alone, and keeps values in that layout through element-wise operators, pools and sums, so that
 * the convolutions of the forward and the backward pass hand them on without reordering.
 * @param block channels per block (`convolutionBlock`).
 */
export const blockConvolutions = (block: number): Pass => ({
  name: 'block-convolutions',
  description: 'convolutions and what is between them in a layout that fills vector registers',
  async run(model) {
    const facts = await inferValueTypes(model);
    const changed = new BlockedGraph(model, block, facts).rewrite();
    if (changed) await removeDeadNodes.run(model);
    return { changed };
  },
});

/** A graph that is being rewritten: which values exist in which layout. */
export class BlockedGraph {
  readonly g: Emitter;
  readonly layout: BlockedLayout;
  private readonly nodes: Node[] = [];
  private readonly constants: ReadonlyMap<string, Tensor>;
  private readonly index: GraphIndex;
  private readonly blocked = new Map<string, BlockedValue>();
  /** Writes the plain form of a value that so far exists in blocked form alone. */
  private readonly unit = new Map<number, string>();
  private readonly aliases = new Map<string, string>();
  private readonly pending = new Map<string, () => void>();
  /** Values that wait for somebody to ask for their plain form, which is computed from other plain values then. */
  private readonly computable = new Set<string>();

  constructor(
    readonly model: Model,
    block: number,
    private readonly facts: ReadonlyMap<string, ValueFacts>,
  ) {
    this.constants = model.constants();
    this.index = model.graph.index();
    this.g = new Emitter(model, 'blocked', this.nodes);
    this.layout = new BlockedLayout(this.g, block);
  }

  /** @returns how many nodes were replaced */
  rewrite(): number {
    const { graph } = this.model;
    graph.sort();
    let changed = 0;
    for (const node of graph.nodes) {
      if (blockedRule(node)?.(this, node)) changed++;
      else this.keep(node);
    }
    for (const { name } of graph.outputs) this.needPlain(name);
    graph.nodes.splice(0, graph.nodes.length, ...this.nodes);
    return changed;
  }

  /** The shape of a value of the graph as it was. */
  dims(name: string): readonly Dim[] | undefined {
    return this.facts.get(name)?.dims;
  }

  isFloat(name: string): boolean {
    const facts = this.facts.get(name);
    return facts !== undefined && isFloat(facts.type);
  }

  /** The numbers of a constant. */
  constant(name: string | undefined): number[] | undefined {
    const tensor = name ? this.constants.get(name) : undefined;
    return tensor && [...tensor.toNumbers()];
  }

  /** The blocked form of a value, if there is one. */
  find(name: string): BlockedValue | undefined {
    return this.blocked.get(name);
  }

  /** True for a value that exists in blocked form alone, so that its plain form would have to be reordered first. */
  isPending(name: string): boolean {
    return this.pending.has(name) && !this.computable.has(name);
  }

  /** The blocked form of a value, reordered if it has none. Its channels must be a multiple of 4. */
  need(name: string): BlockedValue {
    const known = this.blocked.get(name);
    if (known) return known;
    const dims = this.dims(name)!;
    const planes = dims.length === 4 ? name : this.g.reshape(name, [0, 0, 1, -1]);
    const value = { name: this.layout.input(planes), dims };
    this.blocked.set(name, value);
    return value;
  }

  /** Records that `name` exists in blocked form; its plain form is written when somebody asks for it. */
  put(name: string, blocked: string, node: Node): void {
    const dims = this.dims(name)!;
    this.blocked.set(name, { name: blocked, dims });
    this.pending.set(name, () => {
      if (!this.isFloat(name)) return this.keep(node);
      const plain = this.layout.output(blocked, dims[1] as number);
      const shaped = dims.length === 4 ? plain : this.g.op('Squeeze', [plain, this.g.ints([2])]);
      this.g.rename(shaped, name);
    });
  }

  /** Records that `name` exists in blocked form; its plain form is computed by `node` when somebody asks for it. */
  offer(name: string, blocked: string, node: Node): void {
    this.blocked.set(name, { name: blocked, dims: this.dims(name)! });
    this.computable.add(name);
    this.pending.set(name, () => this.keep(node));
  }

  /** Records another name of a blocked value, by which nodes take it. */
  alias(name: string, blocked: string): void {
    this.aliases.set(name, blocked);
  }

  /**
   * The node that wrote the blocked form of a value that only one node takes: what that one does may be written into it.
   */
  soleProducer(name: string): Node | undefined {
    const blocked = this.isPending(name) && this.blocked.get(name)?.name;
    if (!blocked || this.index.outputs.has(name) || this.index.consumers.get(name)?.length !== 1) return undefined;
    return this.nodes.findLast((node) => node.outputs[0] === blocked);
  }

  /** The filter of a depthwise convolution with one tap that changes nothing. */
  ones(channels: number): string {
    const known = this.unit.get(channels);
    if (known) return known;
    const tensor = Tensor.from('blocked/ones', 'float32', [channels, 1, 1, 1], new Float32Array(channels).fill(1));
    const name = this.g.constant(tensor);
    this.unit.set(channels, name);
    return name;
  }

  /** Makes sure that the plain form of a value is written. */
  needPlain(name: string): void {
    const write = this.pending.get(name);
    this.pending.delete(name);
    write?.();
  }

  /** The plain form of a value. */
  plain(name: string): string {
    this.needPlain(name);
    return name;
  }

  private keep(node: Node): void {
    for (const input of usedValues(node)) this.needPlain(input);
    replaceInNode(node, this.aliases);
    this.nodes.push(node);
  }
}
