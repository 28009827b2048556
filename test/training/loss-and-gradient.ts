import { expect } from 'vitest';
import { inferValueTypes } from '../../src/analysis/value-types.js';
import { Emitter } from '../../src/ir/emitter.js';
import type { NamedValues } from '../../src/ir/types.js';
import { encodeModel } from '../../src/onnx/write.js';
import { Session } from '../../src/runtime/session.js';
import { differentiate } from '../../src/training/differentiate.js';
import * as losses from '../../src/training/losses.js';
import { floats, graphOf } from '../ops/gradients/check-gradient.js';

/**
 * A loss of each row, and the gradient by `z` of their sum with the weights `w`.
 * @param inputs declared in ONNX text, their rows called n.
 */
export async function lossAndGradient(
  inputs: string,
  build: (g: Emitter) => string,
  feeds: NamedValues,
  weights: readonly number[] = [0.5, 0.25],
): Promise<{ loss: number[]; gradient: number[] }> {
  const model = graphOf(`f (${inputs}, float[n] w) => (float[n] y) { y = Identity(w) }`);
  const g = new Emitter(model, 'loss');
  const loss = build(g);
  const total = losses.sumOverRows(g, loss, 'w');
  const facts = await inferValueTypes(model);
  const gradients = differentiate(model, new Map([[total, g.scalar(1)]]), ['z'], { facts });
  const gradient = gradients.get('z')!;
  model.graph.outputs = [loss, gradient].map((name) => ({ name }));
  const session = await Session.create(encodeModel(model), { threads: 1 });
  const results = await session.run({ ...feeds, w: floats([weights.length], weights) });
  await session.release();
  expect(results[loss]!.dims).toEqual([weights.length]);
  expect(results[gradient]!.dims).toEqual(feeds.z!.dims);
  const numbers = (name: string) => Array.from(results[name]!.data as Float32Array);
  return { loss: numbers(loss), gradient: numbers(gradient) };
}

export function expectClose(actual: number[], expected: number[]): void {
  for (const [k, value] of expected.entries()) expect(actual[k]).toBeCloseTo(value, 5);
}
