import { UserError } from '../../errors.js';
import { Emitter } from '../../ir/emitter.js';
import { Graph, usedValues, type ValueInfo } from '../../ir/graph.js';
import { cloneNode, type Model } from '../../ir/model.js';
import type { Node } from '../../ir/node.js';
import { Tensor } from '../../ir/tensor.js';
import { renameInNode, replaceInNode } from '../../ir/uses.js';
import { MACS } from '../../ops/cost.js';
import { isDeterministic } from '../../ops/determinism.js';
import { sinkConstants } from './sink-constants.js';
import { checkOpenBatch, type Exit, findRowAxes, levelsOf, type RowAxes } from './stages.js';
import { emitUncertainty, type Measure, type ScoreForm } from './uncertainty.js';

/** How samples are sent on from exit to exit. */
export interface RouteOptions {
  form: ScoreForm;
  measure: Measure;
  /** One for each exit but the last: a sample that is less unsure leaves; 0 lets none leave, 1 all. */
  thresholds: readonly number[];
  /** What is added is called so; `threshold` and `exit`, or like it, where absent. */
  names?: Routed | undefined;
}

/** What routing added to a model. */
export interface Routed {
  /** The optional input with the thresholds, float32 `[exits - 1]`. */
  threshold: string;
  /** The output with the exit that each sample left by, int64 `[rows]`, from 0. */
  exit: string;
}

/**
 * Makes a model that gives scores at several exits into one whose cost depends on the input, in place: samples that are sure
 * enough at an exit leave there, those left over are gathered, go on inside an If, and their scores are put back at
 * their rows. What follows an exit is computed for the rows that need it alone.
 * @param exits in the order in which they are reached; the last one's scores are the model's own.
 * @param output the output that holds the scores; other outputs go, since samples that leave have none.
 * @throws UserError where a batch of the model cannot be parted
 */
export async function routeByConfidence(
  model: Model,
  exits: readonly Exit[],
  output: string,
  options: RouteOptions,
): Promise<Routed> {
  const axes = await findRowAxes(model);
  checkOpenBatch(axes, model.source?.path);
  const info = model.graph.outputs.find(({ name }) => name === output)!;
  return new Router(model, exits, axes, info, options).run();
}

/** Rows at an exit. */
interface Rows {
  scores: string;
  /** True for those that go on. */
  stays: string;
}

/** How rows came out of a stage: their scores, and how many exits further they went; none did where that is absent. */
interface Left {
  scores: string;
  further?: string | undefined;
}

/** Values of the flat model under the names that they have where rows were left out. */
type Names = ReadonlyMap<string, string>;

class Router {
  private readonly flat: readonly Node[];
  private readonly producer: ReadonlyMap<string, Node>;
  private readonly levels: ReadonlyMap<Node, number>;
  private readonly threshold: string;
  /** The threshold of each exit as a value that uncertainties are compared with. */
  private limits: readonly string[] = [];
  private one = '';

  constructor(
    private readonly model: Model,
    private readonly exits: readonly Exit[],
    private readonly axes: RowAxes,
    private readonly output: ValueInfo,
    private readonly options: RouteOptions,
  ) {
    const { graph } = model;
    graph.sort();
    this.flat = graph.nodes;
    this.producer = graph.index().producer;
    this.levels = levelsOf(model, exits);
    this.threshold = model.freshName(options.names?.threshold ?? 'threshold');
  }

  run(): Routed {
    const { model, output } = this;
    const { graph } = model;
    graph.nodes = [];
    this.declareThreshold();
    const g = new Emitter(model, 'exits');
    this.limits = this.emitLimits(g);
    this.one = g.scalar(1, 'int64');
    const { scores, further: exit = '' } = this.stage(0, graph.nodes, new Map());
    const exitName = model.freshName(this.options.names?.exit ?? 'exit');
    g.rename(exit, exitName);
    if (this.exits.at(-1)!.scores !== output.name) throw new Error('the last exit is not the output');
    g.rename(scores, output.name);
    graph.outputs = [
      { ...output },
      { name: exitName, type: { kind: 'tensor', elem: 'int64', shape: [this.rowsOf(output)] } },
    ];
    graph.valueInfos.clear();
    sinkConstants(graph);
    return { threshold: this.threshold, exit: exitName };
  }

  private rowsOf({ type }: ValueInfo) {
    return type?.kind === 'tensor' ? type.shape?.[0] : undefined;
  }

  private declareThreshold(): void {
    const { graph } = this.model;
    const { thresholds } = this.options;
    graph.inputs.push({ name: this.threshold, type: { kind: 'tensor', elem: 'float32', shape: [thresholds.length] } });
    graph.initializers.set(
      this.threshold,
      Tensor.from(this.threshold, 'float32', [thresholds.length], thresholds as number[]),
    );
  }

  /** A threshold of 0 lies below every uncertainty, and one of 1 above, whatever rounding does to them. */
  private emitLimits(g: Emitter): string[] {
    const { threshold } = this;
    const open = g.where(g.op('GreaterOrEqual', [threshold, 1]), 2, threshold);
    const limits = g.where(g.op('Greater', [threshold, 0]), open, -1);
    const count = this.exits.length - 1;
    return count === 1 ? [limits] : g.ops('Split', [limits, g.ints(Array(count).fill(1))], { axis: 0 }, count);
  }

  /** Writes what an exit adds to those before it, and the choice behind it. */
  private stage(level: number, nodes: Node[], names: Names): Left {
    const { model, exits } = this;
    const last = level === exits.length - 1;
    const own = new Map(names);
    // The output's name is kept for the scores of all exits.
    if (last) own.set(this.output.name, model.freshName(`${this.output.name}/last`));
    const reached = this.flat.filter((node) => this.levels.get(node) === level).map(cloneNode);
    for (const node of reached) renameInNode(node, own);
    nodes.push(...reached);
    const g = new Emitter(model, `exit_${level + 1}`, nodes);
    const scores = own.get(exits[level]!.scores) ?? exits[level]!.scores;
    if (last) return { scores };
    const known = this.axes.typeOf(exits[level]!.scores) === 'float32' ? scores : g.cast(scores, FLOAT);
    const { form, measure } = this.options;
    const rank = this.axes.dimsOf(exits[level]!.scores)?.length;
    const unsure = emitUncertainty(g, known, { ...form, rank }, measure, exits[level]!.temperature);
    // What is not known to be sure, because it is no number, stays.
    const stays = g.op('Not', [g.op('Less', [unsure, this.limits[level]!])]);
    return this.choose(g, level, { scores, stays }, own);
  }

  /** Sends rows on to the next exit, if there are any. */
  private choose(g: Emitter, level: number, rows: Rows, names: Names): Left {
    const goes = g.cast(rows.stays, INT64);
    const any = g.cast(g.op('ReduceMax', [goes], { keepdims: 0 }), BOOL);
    const rest = this.goOn(level + 1, rows, names);
    const branches = {
      then_branch: { kind: 'graph' as const, value: rest },
      else_branch: { kind: 'graph' as const, value: this.stay(level + 1, rows, rest.outputs.length) },
    };
    const [scores, further] = g.ops('If', [any], branches, rest.outputs.length);
    return { scores: scores!, further: further ?? goes };
  }

  private stay(level: number, rows: Rows, outputs: number): Graph {
    const branch = new Graph();
    branch.name = `exit_${level}_taken_by_all`;
    const g = new Emitter(this.model, branch.name, branch.nodes);
    const further = outputs > 1 ? g.cast(rows.stays, INT64) : undefined;
    return this.giving(branch, { scores: g.op('Identity', [rows.scores]), further });
  }

  private goOn(level: number, rows: Rows, names: Names): Graph {
    const branch = new Graph();
    branch.name = `up_to_exit_${level + 1}`;
    const g = new Emitter(this.model, branch.name, branch.nodes);
    const isSingle = this.axes.fixed === 1;
    const inside = isSingle ? names : this.enter(g, branch.nodes, level, rows.stays, names);
    const left = this.stage(level, branch.nodes, inside);
    const further = left.further && g.add(left.further, this.one);
    if (isSingle) return this.giving(branch, { scores: left.scores, further });
    const places = g.transpose(g.op('NonZero', [rows.stays]), [1, 0]);
    const putBack = (all: string, some: string) => g.op('ScatterND', [all, places, some]);
    return this.giving(branch, {
      scores: putBack(rows.scores, left.scores),
      further: further && putBack(g.cast(rows.stays, INT64), further),
    });
  }

  private giving(branch: Graph, { scores, further }: Left): Graph {
    const elem = this.axes.typeOf(this.output.name) ?? 'float32';
    branch.outputs = [{ name: scores, type: { kind: 'tensor', elem } }];
    if (further) branch.outputs.push({ name: further, type: { kind: 'tensor', elem: 'int64' } });
    return branch;
  }

  /** Gathers the rows that stay of every value that what follows takes from what came before. */
  private enter(g: Emitter, nodes: Node[], level: number, stays: string, names: Names): Names {
    const { graph } = this.model;
    const inside = new Map<string, string>();
    const bring = (name: string): void => {
      const node = this.producer.get(name);
      const isOutside = node ? this.levels.get(node)! < level : graph.isInput(name);
      if (!isOutside || inside.has(name) || graph.initializers.has(name)) return;
      const axis = node?.type === DEQUANTIZE ? undefined : this.axes.axisOf(name);
      if (axis !== undefined) inside.set(name, g.op('Compress', [names.get(name) ?? name, stays], { axis }));
      else if (node) {
        if (!isLight(node)) throw this.inseparable(node, name);
        for (const input of usedValues(node)) bring(input);
        nodes.push(this.again(node, inside, g.prefix));
      }
    };
    for (const node of this.flat)
      if ((this.levels.get(node) ?? -1) >= level) for (const name of usedValues(node)) bring(name);
    return inside;
  }

  /** A node that computes once more, for fewer rows. */
  private again(node: Node, inside: Map<string, string>, prefix: string): Node {
    const copy = cloneNode(node);
    replaceInNode(copy, inside);
    copy.name = this.model.freshName(`${prefix}/${node.op}`);
    copy.outputs = node.outputs.map((output) => output && this.model.freshName(`${prefix}/${output}`));
    for (const [k, output] of node.outputs.entries()) if (output) inside.set(output, copy.outputs[k]!);
    return copy;
  }

  private inseparable(node: Node, value: string): UserError {
    return new UserError(`the samples of a batch cannot be told apart in the value ${value}`, {
      file: this.model.source?.path,
      where: `node ${node.label} (${node.type})`,
      mend: 'export the model with the batch as an axis of its own',
    });
  }
}

const [FLOAT, INT64, BOOL] = [1, 7, 9];

/** Integers are handed on, and become floats where they are taken, so that ONNX Runtime finds its integer kernels there. */
const DEQUANTIZE = 'DequantizeLinear';

/** True for what is cheaper to compute again for fewer rows than to explain. */
const isLight = (node: Node) => !MACS[node.type] && isDeterministic(node) && !node.subgraphs().length;
