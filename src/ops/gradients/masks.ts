import type { Emitter, Operand } from '../../ir/emitter.js';

/** Steep enough that every normal float32 above zero is sent beyond 1. */
const STEEP = 3e38;

/** A row's mask, 1 where a value is positive and 0 elsewhere: one pass, where Greater and Cast would be two. */
export function isPositive(g: Emitter, value: string): string {
  return g.op('HardSigmoid', [value], { alpha: { float: STEEP }, beta: { float: 0 } });
}

/** The sign of a value; faster than ONNX Runtime's Sign by a factor of two. */
export function signOf(g: Emitter, value: string): string {
  return g.op('Clip', [g.mul(value, STEEP), -1, 1]);
}

/** Where two values are equal 1, elsewhere 0. */
export function isEqual(g: Emitter, a: Operand, b: Operand): string {
  return g.cast(g.op('Equal', [a, b]), 1);
}

/** `numerator / denominator`, 0 where the denominator is 0. */
export function divideOrZero(g: Emitter, numerator: string, denominator: string): string {
  return g.where(g.op('Equal', [denominator, 0]), 0, g.div(numerator, denominator));
}
