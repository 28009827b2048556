import type { Emitter } from '../../ir/emitter.js';

/** The recurrent weights of one direction. */
export interface RecurrentWeights {
  hidden: number;
  /** Blocks that are each multiplied with one operand: rows × hidden. */
  blocks: readonly string[];
  /** The same blocks transposed. */
  transposed: readonly string[];
  /** Bias of the recurrent products, for cells that do not add it to the input's share. */
  bias: string | undefined;
}

/** What a forward step gives. */
export interface Step {
  /** The hidden state, and the cell state where there is one. */
  states: readonly string[];
  /** Factors from which the backward step gets along without the gates. */
  factors: readonly string[];
  /** What is multiplied with each block of recurrent weights. */
  operands: readonly string[];
}

/** What a backward step gives. Everything is linear in the gradients of the states. */
export interface BackwardStep {
  /** Gradients of the states before the step. */
  states: readonly string[];
  /** Gradient of the input's share of the gates. */
  input: string;
  /** Gradient of the product with each block of recurrent weights. */
  products: readonly string[];
}

/**
 * A cell of a recurrent layer. Gates lie side by side as in the weights (ONNX LSTM-14, GRU-14, RNN-14); all values are
 * batch × columns. The forward step leaves the derivatives of the gates behind, computed while their values are in the
 * cache, so that the backward step holds little more than the products with the recurrent weights.
 */
export interface Cell {
  gates: number;
  stateCount: 1 | 2;
  /** Gates in each block of recurrent weights. */
  blocks: readonly number[];
  /** True where the bias of the recurrent products may be added to the input's share. */
  addsBias: boolean;
  step(g: Emitter, input: string, states: readonly string[], weights: RecurrentWeights): Step;
  stepBack(
    g: Emitter,
    gradients: readonly string[],
    factors: readonly string[],
    weights: RecurrentWeights,
  ): BackwardStep;
}

const split = (g: Emitter, value: string, sizes: readonly number[]): string[] =>
  g.ops('Split', [value, g.ints(sizes)], { axis: 1 }, sizes.length);

const beside = (g: Emitter, ...values: string[]): string => g.op('Concat', values, { axis: 1 });

/** Long short-term memory: gates i, o, f and the candidate c. */
export const lstmCell: Cell = {
  gates: 4,
  stateCount: 2,
  blocks: [4],
  addsBias: true,
  step(g, input, states, { hidden: n, transposed }) {
    const [h, c] = states as [string, string];
    const [opened, candidate] = split(g, g.op('Gemm', [h, transposed[0], input]), [3 * n, n]) as [string, string];
    const sigmoids = g.op('Sigmoid', [opened]);
    const tanh = g.op('Tanh', [candidate]);
    const [i, o, f] = split(g, sigmoids, [n, n, n]) as [string, string, string];
    const kept = g.mul(f, c);
    const added = g.mul(i, tanh);
    const nextC = g.add(kept, added);
    const squashed = g.op('Tanh', [nextC]);
    const nextH = g.mul(o, squashed);
    const throughSigmoids = g.mul(beside(g, added, nextH, kept), g.sub(1, sigmoids));
    const throughTanh = g.sub(i, g.mul(added, tanh));
    const outputToCell = g.sub(o, g.mul(nextH, squashed));
    return {
      states: [nextH, nextC],
      factors: [beside(g, throughSigmoids, throughTanh), outputToCell, f],
      operands: [h],
    };
  },
  stepBack(g, gradients, factors, { blocks }) {
    const [dh, dc] = gradients as [string, string];
    const [gates, outputToCell, f] = factors as [string, string, string];
    const cell = g.add(dc, g.mul(dh, outputToCell));
    const input = g.mul(gates, beside(g, cell, dh, cell, cell));
    return { states: [g.op('MatMul', [input, blocks[0]]), g.mul(cell, f)], input, products: [input] };
  },
};

/** Gated recurrent unit whose reset gate scales the recurrent product (linear_before_reset, as in PyTorch and Keras). */
export const gruCell: Cell = {
  gates: 3,
  stateCount: 1,
  blocks: [3],
  addsBias: false,
  step(g, input, [h], { hidden: n, transposed, bias }) {
    const product = bias ? g.op('Gemm', [h, transposed[0], bias]) : g.op('MatMul', [h, transposed[0]]);
    const [inputGates, inputNew] = split(g, input, [2 * n, n]) as [string, string];
    const [productGates, productNew] = split(g, product, [2 * n, n]) as [string, string];
    const sigmoids = g.op('Sigmoid', [g.add(inputGates, productGates)]);
    const [z, r] = split(g, sigmoids, [n, n]) as [string, string];
    const fresh = g.op('Tanh', [g.add(inputNew, g.mul(r, productNew))]);
    const difference = g.sub(h!, fresh);
    const throughTanh = tanhFactor(g, z, fresh);
    const throughSigmoids = g.mul(
      beside(g, difference, g.mul(throughTanh, productNew)),
      g.mul(sigmoids, g.sub(1, sigmoids)),
    );
    return {
      states: [g.add(fresh, g.mul(z, difference))],
      factors: [beside(g, throughSigmoids, throughTanh), beside(g, throughSigmoids, g.mul(throughTanh, r)), z],
      operands: [h!],
    };
  },
  stepBack(g, [dh], factors, { blocks }) {
    const [toInput, toProduct, z] = factors as [string, string, string];
    const thrice = beside(g, dh!, dh!, dh!);
    const product = g.mul(toProduct, thrice);
    const before = g.add(g.op('MatMul', [product, blocks[0]]), g.mul(dh!, z));
    return { states: [before], input: g.mul(toInput, thrice), products: [product] };
  },
};

/** Gated recurrent unit whose reset gate scales the hidden state before the product (Cho et al. 2014). */
export const gruCellResetFirst: Cell = {
  gates: 3,
  stateCount: 1,
  blocks: [2, 1],
  addsBias: true,
  step(g, input, [h], { hidden: n, transposed }) {
    const [inputGates, inputNew] = split(g, input, [2 * n, n]) as [string, string];
    const sigmoids = g.op('Sigmoid', [g.op('Gemm', [h, transposed[0], inputGates])]);
    const [z, r] = split(g, sigmoids, [n, n]) as [string, string];
    const reset = g.mul(r, h!);
    const fresh = g.op('Tanh', [g.op('Gemm', [reset, transposed[1], inputNew])]);
    const difference = g.sub(h!, fresh);
    const slopes = g.mul(sigmoids, g.sub(1, sigmoids));
    return {
      states: [g.add(fresh, g.mul(z, difference))],
      factors: [g.mul(beside(g, difference, h!), slopes), tanhFactor(g, z, fresh), z, r],
      operands: [h!, reset],
    };
  },
  stepBack(g, [dh], factors, { blocks }) {
    const [throughSigmoids, throughTanh, z, r] = factors as [string, string, string, string];
    const fresh = g.mul(throughTanh, dh!);
    const reset = g.op('MatMul', [fresh, blocks[1]]);
    const gates = g.mul(throughSigmoids, beside(g, dh!, reset));
    const before = g.op('Sum', [g.op('MatMul', [gates, blocks[0]]), g.mul(dh!, z), g.mul(reset, r)]);
    return { states: [before], input: beside(g, gates, fresh), products: [gates, fresh] };
  },
};

/** (1 − z) · (1 − n²): how the candidate's sum of a GRU reaches the state. */
const tanhFactor = (g: Emitter, z: string, fresh: string): string => g.mul(g.sub(1, z), g.sub(1, g.mul(fresh, fresh)));

/** Activations of a plain cell: the slope from the activated value. */
const SLOPES: Readonly<Record<string, (g: Emitter, y: string) => string>> = {
  Tanh: (g, y) => g.sub(1, g.mul(y, y)),
  Sigmoid: (g, y) => g.mul(y, g.sub(1, y)),
  Relu: (g, y) => g.op('Sign', [y]),
};

/** The plain recurrent cell with an activation; undefined for one without a gradient here. */
export function plainCell(activation: string): Cell | undefined {
  const slope = SLOPES[activation];
  return (
    slope && {
      gates: 1,
      stateCount: 1,
      blocks: [1],
      addsBias: true,
      step(g, input, [h], { transposed }) {
        const next = g.op(activation, [g.op('Gemm', [h, transposed[0], input])]);
        return { states: [next], factors: [slope(g, next)], operands: [h!] };
      },
      stepBack(g, [dh], [factor], { blocks }) {
        const input = g.mul(dh!, factor!);
        return { states: [g.op('MatMul', [input, blocks[0]])], input, products: [input] };
      },
    }
  );
}
