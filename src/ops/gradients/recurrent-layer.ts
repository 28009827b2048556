import type { Emitter } from '../../ir/emitter.js';
import type { Cell, RecurrentWeights } from './recurrent-cells.js';
import { type ScanSpec, scan } from './scan.js';
import type { Site } from './site.js';

/** Positions of the inputs of LSTM, GRU and RNN; the initial cell state follows the hidden one. */
const [X, W, R, B, LENGTHS, INITIAL] = [0, 1, 2, 3, 4, 5];

/** Permutations between layout 0 (time or directions before the batch) and layout 1 (batch first). */
const TURN = [1, 0, 2];
const Y_TO_BATCH_FIRST = [2, 0, 1, 3];
const Y_FROM_BATCH_FIRST = [1, 2, 0, 3];

/** One direction of a layer after its forward pass. Sequences are time × batch × columns. */
interface Direction {
  cell: Cell;
  /** Number of the direction. */
  place: number;
  reverse: boolean;
  inputWeight: string;
  weights: RecurrentWeights;
  y: string;
  /** States after the last step. */
  last: readonly string[];
  factors: readonly string[];
  operands: readonly string[];
}

/** Gradients by position of the node's input, of one direction; that of X has time and batch as one axis. */
type Gradients = Map<number, string>;

/**
 * The row of a recurrent layer. The forward node is replaced by a Scan that does the same and leaves behind what the
 * backward Scan needs (to compute the gates again from X and Y would cost as much as the forward pass). What the input
 * adds to the gates, and the gradients of input and weights, are one product each over all steps.
 * @param cells the cell of each direction.
 */
export function recurrentLayer(site: Site, cells: readonly Cell[]): void {
  new RecurrentLayer(site, cells).differentiate();
}

class RecurrentLayer {
  private readonly hidden: number;
  private readonly batchFirst: boolean;
  /** The input as time × batch × columns. */
  private x = '';
  /** True where a step lies within its sequence: time × batch × 1. Absent where sequences have no lengths. */
  private mask: string | undefined;

  constructor(
    private readonly site: Site,
    private readonly cells: readonly Cell[],
  ) {
    const hidden = site.node.int('hidden_size') ?? site.dims(site.node.inputs[R]!)[2];
    this.hidden = typeof hidden === 'number' ? hidden : site.refuse('its hidden size is not known');
    this.batchFirst = site.node.int('layout', 0) === 1;
  }

  differentiate(): void {
    const directions: Direction[] = [];
    this.site.g.replace(this.site.node, (g) => {
      this.x = this.turned(g, this.site.x, TURN);
      this.mask = this.maskOf(g);
      for (const [place, cell] of this.cells.entries()) directions.push(this.forward(g, cell, place));
      const y = this.stack(g, directions.map((one) => one.y), 1); // biome-ignore format: one line reads better
      return [this.turned(g, y, Y_TO_BATCH_FIRST), ...this.lastStates(g, directions)];
    });
    const gradients = directions.map((direction) => this.backward(direction));
    const { site } = this;
    const { g } = site;
    for (const position of [W, R, B, INITIAL, INITIAL + 1]) {
      if (!site.wants(position)) continue;
      const stacked = this.stack(
        g,
        gradients.map((one) => one.get(position)!),
        0,
      );
      site.give(position, position < INITIAL ? stacked : this.turned(g, stacked, TURN));
    }
    if (!site.wants(X)) return;
    const [first, second] = gradients.map((one) => one.get(X)!);
    const sum = g.reshape(second ? g.add(first!, second) : first!, g.shape(this.x));
    site.give(X, this.turned(g, sum, TURN));
  }

  private forward(g: Emitter, cell: Cell, place: number): Direction {
    const { site, hidden, mask } = this;
    const reverse = place === 1 || site.node.string('direction') === 'reverse';
    const inputWeight = this.pick(g, site.node.inputs[W]!, place, 0);
    const { weights, inputBias } = this.weightsOf(g, cell, place);
    const sums = g.op('Gemm', [flat(g, this.x), inputWeight, inputBias], { transB: 1 });
    const columns = g.ints([cell.gates * hidden]);
    const shape = g.op('Concat', [g.op('Shape', [this.x], { end: 2 }), columns], { axis: 0 });
    const { states, collected } = scan(g, {
      states: Array.from({ length: cell.stateCount }, (_, k) => this.initialState(g, k, place)),
      sequences: [g.reshape(sums, shape), ...masked(mask)],
      reverse,
      step: (body, states, [input, within]) => {
        const { states: next, factors, operands } = cell.step(body, input!, states, weights);
        return {
          states: within ? next.map((state, k) => body.where(within, state, states[k]!)) : next,
          collected: {
            y: [within ? body.where(within, next[0]!, 0) : next[0]!],
            factors,
            operands: site.wants(R) ? operands : [],
          },
        };
      },
    });
    return { cell, place, reverse, inputWeight, weights, ...collected, y: collected.y[0]!, last: states };
  }

  private backward(direction: Direction): Gradients {
    const { site } = this;
    const { g } = site;
    const { cell, place, weights } = direction;
    const upstream = site.gradientOf(0);
    const dy = upstream && this.pick(g, this.turned(g, upstream, Y_FROM_BATCH_FIRST), place, 1);
    const { states, collected } = scan(g, {
      states: direction.last.map((state, k) => this.upstreamOfState(k, place) ?? zerosLike(g, state)),
      sequences: [...direction.factors, ...masked(this.mask), ...(dy ? [dy] : [])],
      reverse: !direction.reverse,
      step: (body, states, elements) => {
        const factors = elements.splice(0, direction.factors.length);
        const within = this.mask && elements.shift();
        const [dyStep] = elements;
        const [dh, ...others] = states as [string, ...string[]];
        const all = [dyStep ? body.add(dh, dyStep) : dh, ...others];
        const inner = within ? all.map((one) => body.where(within, one, 0)) : all;
        const { states: before, input, products } = cell.stepBack(body, inner, factors, weights);
        return {
          states: within ? before.map((one, k) => body.where(within, one, states[k]!)) : before,
          collected: { input: [input], products: products[0] === input ? [] : products },
        };
      },
    });
    const input = flat(g, collected.input[0]!);
    const products = collected.products.length ? collected.products.map((one) => flat(g, one)) : [input];
    return this.gradientsOf(direction, input, products, states);
  }

  /** Gradients from those of all sums of all steps: of the input's share, and of the products with recurrent weights. */
  private gradientsOf(direction: Direction, input: string, products: string[], initial: readonly string[]): Gradients {
    const { site } = this;
    const { g } = site;
    const transposedProduct = (a: string, b: string) => g.op('Gemm', [a, b], { transA: 1 });
    const joined = (values: string[]) => (values.length > 1 ? g.op('Concat', values, { axis: 0 }) : values[0]!);
    const gradients: Gradients = new Map(initial.map((state, k) => [INITIAL + k, state]));
    if (site.wants(W)) gradients.set(W, transposedProduct(input, flat(g, this.x)));
    if (site.wants(R)) {
      const blocks = products.map((product, k) => transposedProduct(product, flat(g, direction.operands[k]!)));
      gradients.set(R, joined(blocks));
    }
    if (site.wants(B)) {
      const sums = new Map([input, ...products].map((value) => [value, g.sum(value, [0], false)]));
      gradients.set(B, joined([input, ...products].map((value) => sums.get(value)!)));
    }
    if (site.wants(X)) gradients.set(X, g.op('Gemm', [input, direction.inputWeight]));
    return gradients;
  }

  private weightsOf(
    g: Emitter,
    cell: Cell,
    place: number,
  ): { weights: RecurrentWeights; inputBias: string | undefined } {
    const { site, hidden } = this;
    const whole = this.pick(g, site.node.inputs[R]!, place, 0);
    const rows = cell.blocks.map((gates) => gates * hidden);
    const blocks = rows.length > 1 ? g.ops('Split', [whole, g.ints(rows)], { axis: 0 }, rows.length) : [whole];
    const transposed = blocks.map((block) => g.transpose(block, [1, 0]));
    const both = site.input(B) && this.pick(g, site.input(B)!, place, 0);
    if (!both) return { weights: { hidden, blocks, transposed, bias: undefined }, inputBias: undefined };
    const length = cell.gates * hidden;
    const [inputBias, bias] = g.ops('Split', [both, g.ints([length, length])], { axis: 0 }, 2) as [string, string];
    if (!cell.addsBias) return { weights: { hidden, blocks, transposed, bias }, inputBias };
    return { weights: { hidden, blocks, transposed, bias: undefined }, inputBias: g.add(inputBias, bias) };
  }

  private initialState(g: Emitter, k: number, place: number): string {
    const given = this.site.input(INITIAL + k);
    if (given) return this.pick(g, this.turned(g, given, TURN), place, 0);
    const batch = g.op('Shape', [this.x], { start: 1, end: 2 });
    return g.op('Expand', [0, g.op('Concat', [batch, g.ints([this.hidden])], { axis: 0 })]);
  }

  /** Gradient that arrives at the last hidden (0) or cell (1) state. */
  private upstreamOfState(k: number, place: number): string | undefined {
    const { g } = this.site;
    const upstream = this.site.gradientOf(1 + k);
    return upstream && this.pick(g, this.turned(g, upstream, TURN), place, 0);
  }

  private lastStates(g: Emitter, directions: readonly Direction[]): string[] {
    return directions[0]!.last.map((_, k) => {
      const states = directions.map(({ last }) => last[k]!);
      return this.turned(g, this.stack(g, states, 0), TURN);
    });
  }

  private maskOf(g: Emitter): string | undefined {
    const lengths = this.site.input(LENGTHS);
    if (!lengths) return undefined;
    const count = g.op('Squeeze', [g.op('Shape', [this.x], { end: 1 })]);
    const steps = g.op('Range', [g.scalar(0, 'int64'), count, g.scalar(1, 'int64')]);
    const ends = g.op('Unsqueeze', [g.cast(lengths, INT64), g.ints([1])]);
    return g.op('Less', [g.op('Unsqueeze', [steps, g.ints([1, 2])]), ends]);
  }

  /** A value in layout 0, from the node's layout or back to it. */
  private turned(g: Emitter, value: string, perm: readonly number[]): string {
    return this.batchFirst ? g.transpose(value, perm) : value;
  }

  /** The part of a value that belongs to a direction. */
  private pick(g: Emitter, value: string, place: number, axis: number): string {
    if (this.cells.length === 1) return g.op('Squeeze', [value, g.ints([axis])]);
    return g.op('Gather', [value, g.scalar(place, 'int64')], { axis });
  }

  /** The values of the directions along a new axis. */
  private stack(g: Emitter, values: readonly string[], axis: number): string {
    const parts = values.map((value) => g.op('Unsqueeze', [value, g.ints([axis])]));
    return parts.length > 1 ? g.op('Concat', parts, { axis }) : parts[0]!;
  }
}

/** TensorProto.INT64 */
const INT64 = 7;

/** A sequence with time and batch as one axis. */
const flat = (g: Emitter, sequence: string): string => g.op('Flatten', [sequence], { axis: 2 });

const zerosLike = (g: Emitter, value: string): string => g.op('Expand', [0, g.shape(value)]);

function masked(mask: string | undefined): ScanSpec<never>['sequences'] {
  return mask ? [{ value: mask, type: 'bool' }] : [];
}
