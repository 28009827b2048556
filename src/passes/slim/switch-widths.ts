import { inferValueTypes, type ValueFacts } from '../../analysis/value-types.js';
import { Emitter } from '../../ir/emitter.js';
import { Graph, usedValues } from '../../ir/graph.js';
import { cloneNode, type Model } from '../../ir/model.js';
import type { Node } from '../../ir/node.js';
import { Tensor } from '../../ir/tensor.js';
import { ancestorsOf, renameInNode, replaceInNode } from '../../ir/uses.js';
import { sinkConstants } from '../exits/sink-constants.js';
import { isMatrix, type NestedWidths } from './nest-widths.js';

/** A model that runs at one of several widths. */
export interface SwitchedWidths {
  model: Model;
  /** The optional input that says which, a float32 scalar. */
  width: string;
}

/**
 * Makes one ordinary model of a nested one: an `If` runs the narrowest width that is at least as wide as its input asks for.
 * Matrices and kernels lie outside of the branches, once. ONNX Runtime gathers those of each width when it loads the
 * model, and lays them out for its kernels there, so that a width is as fast as a model of its own.
 * @param shares of the widths, the widest first, 0…1.
 * @param share the width that runs where none is asked for.
 */
export async function switchWidths(
  nested: NestedWidths,
  shares: readonly number[],
  share = shares[0]!,
): Promise<SwitchedWidths> {
  return new Switch(nested, shares, await inferValueTypes(nested.model)).run(share);
}

class Switch {
  private readonly model: Model;
  private readonly branches: readonly (readonly Node[])[];
  /** In how many branches each value is taken. */
  private readonly takers = new Map<string, number>();
  private readonly width: string;

  constructor(
    private readonly nested: NestedWidths,
    private readonly shares: readonly number[],
    private readonly types: ReadonlyMap<string, ValueFacts>,
  ) {
    this.model = nested.model.clone();
    const { producer } = nested.model.graph.index();
    this.branches = nested.outputs.map((names) => {
      const needed = ancestorsOf(names, producer);
      return nested.model.graph.nodes.filter((node) => needed.has(node));
    });
    for (const nodes of this.branches)
      for (const name of new Set(nodes.flatMap((node) => [...usedValues(node)])))
        this.takers.set(name, (this.takers.get(name) ?? 0) + 1);
    this.width = this.model.freshName('width');
  }

  run(share: number): SwitchedWidths {
    const { model, width, nested, shares } = this;
    const { graph } = model;
    const [names] = nested.outputs;
    graph.inputs.push({ name: width, type: { kind: 'tensor', elem: 'float32', shape: [] } });
    graph.initializers.set(width, Tensor.from(width, 'float32', [], [share]));
    graph.outputs = graph.outputs.filter(({ name }) => names!.includes(name));
    graph.valueInfos.clear();
    graph.nodes = [];
    const given = this.choose(shares.length - 1, graph.nodes);
    const g = new Emitter(model, 'width');
    for (const [k, name] of names!.entries()) g.rename(given[k]!, name);
    sinkConstants(graph);
    return { model, width };
  }

  /** Runs a width, or a wider one. */
  private choose(k: number, nodes: Node[]): string[] {
    const { model, width, shares, nested } = this;
    const g = new Emitter(model, `width_${k + 1}`, nodes);
    const isEnough = g.op('LessOrEqual', [width, g.scalar(shares[k]!)]);
    const branches = {
      then_branch: { kind: 'graph' as const, value: this.branch(k) },
      else_branch: { kind: 'graph' as const, value: k === 1 ? this.branch(0) : this.wider(k) },
    };
    return g.ops('If', [isEnough], branches, nested.outputs[k]!.length);
  }

  private wider(k: number): Graph {
    const branch = new Graph();
    branch.name = `wider_than_${k + 1}`;
    this.give(branch, this.choose(k - 1, branch.nodes));
    return branch;
  }

  private branch(k: number): Graph {
    const branch = new Graph();
    branch.name = `at_width_${k + 1}`;
    branch.nodes = this.branches[k]!.map(cloneNode);
    const [names] = this.nested.outputs;
    // The outputs' names are those of the choice.
    const own = new Map(k ? [] : names!.map((name) => [name, this.model.freshName(`${name}/whole`)]));
    this.ownConstants(branch);
    for (const node of branch.nodes) renameInNode(node, own);
    this.give(
      branch,
      this.nested.outputs[k]!.map((name) => own.get(name) ?? name),
    );
    return branch;
  }

  private give(branch: Graph, outputs: readonly string[]): void {
    const [names] = this.nested.outputs;
    branch.outputs = outputs.map((name, k) => ({
      name,
      type: { kind: 'tensor', elem: this.types.get(names![k]!)?.type ?? 'float32' },
    }));
  }

  /**
   * Gives a branch constants of its own where several take the same: ONNX Runtime lays those of an outer graph out for no
   * kernel, but those that it computes when it loads a branch. So vectors are copied, and all of a matrix is gathered.
   */
  private ownConstants(branch: Graph): void {
    const { model } = this;
    const own = new Map<string, string>();
    const nodes: Node[] = [];
    const takers = branch.nodes.filter(({ type }) => type !== 'Gather');
    for (const name of new Set(takers.flatMap((node) => [...usedValues(node)]))) {
      const tensor = model.graph.initializers.get(name);
      if (!tensor || this.takers.get(name)! < 2) continue;
      if (isMatrix(tensor)) own.set(name, this.gatherAll(tensor, name, nodes));
      else own.set(name, model.addInitializer(tensor, branch));
    }
    for (const node of takers) replaceInNode(node, own);
    branch.nodes.unshift(...nodes);
  }

  private gatherAll({ dims }: Tensor, name: string, nodes: Node[]): string {
    const g = new Emitter(this.model, `${name}/whole`, nodes);
    return g.op('Gather', [name, g.ints(Array.from({ length: dims[0]! }, (_, k) => k))], { axis: 0 });
  }
}
