import { expect } from 'vitest';
import { inferTypesWithBodies } from '../../../src/analysis/body-types.js';
import type { Model } from '../../../src/ir/model.js';
import { Tensor } from '../../../src/ir/tensor.js';
import type { NamedValues, TensorValue } from '../../../src/ir/types.js';
import { parseModel } from '../../../src/onnx/text.js';
import { encodeModel } from '../../../src/onnx/write.js';
import { seededRandom } from '../../../src/random.js';
import { Session } from '../../../src/runtime/session.js';
import { differentiate } from '../../../src/training/differentiate.js';

/** How a gradient is checked. */
export interface CheckOptions {
  /** Inputs to differentiate by; all of type float32 where absent. */
  by?: readonly string[];
  /** Half the distance of the two points of a central difference. */
  step?: number;
  /** Largest difference allowed, relative to the largest element of the gradient. */
  tolerance?: number;
  seed?: number;
  /** Channels per block, where convolutions are to use the blocked layout. */
  blockSize?: number | undefined;
}

/** A float32 value. */
export function floats(dims: readonly number[], data: ArrayLike<number>): TensorValue {
  return { type: 'float32', dims, data: Float32Array.from(data) };
}

/** A float32 value of normally distributed numbers. */
export function randomFloats(dims: readonly number[], seed = 1, scale = 1): TensorValue {
  const random = seededRandom(seed);
  const normal = () => Math.sqrt(-2 * Math.log(1 - random())) * Math.cos(2 * Math.PI * random());
  const count = dims.reduce((product, dim) => product * dim, 1);
  return floats(
    dims,
    Float32Array.from({ length: count }, () => scale * normal()),
  );
}

/** An int64 value. */
export function int64s(dims: readonly number[], data: readonly number[]): TensorValue {
  return { type: 'int64', dims, data: BigInt64Array.from(data.map(BigInt)) };
}

/** A model of operator set 18 from ONNX text: `f (float[2,3] x) => (float[2,3] y) { y = Relu(x) }`. */
export function graphOf(text: string, opset = 18): Model {
  return parseModel(`<ir_version: 8, opset_import: ["" : ${opset}, "com.microsoft" : 1]>\n${text}`);
}

/** Gradients of `sum of outputs × fixed random weights` by the inputs, as the backward pass computes them. */
export async function gradientsOf(
  model: Model,
  feeds: NamedValues,
  { by = floatInputs(feeds), seed = 7, blockSize }: CheckOptions = {},
): Promise<NamedValues> {
  const trained = model.clone();
  const facts = await inferTypesWithBodies(trained);
  const weights = weightsFor(await runModel(model, feeds), seed);
  const targets = new Map(
    Object.entries(weights).map(([name, { dims, data }]) => [
      name,
      trained.addInitializer(Tensor.of('weights', 'float32', dims, data as Float32Array)),
    ]),
  );
  const gradients = differentiate(trained, targets, by, { facts, blockSize });
  if (!gradients.size) return {};
  trained.graph.outputs = [...gradients.values()].map((name) => ({ name }));
  const results = await runModel(trained, feeds);
  return Object.fromEntries([...gradients].map(([input, gradient]) => [input, results[gradient]!]));
}

/** Checks the gradients of a model's float outputs by its float inputs against central differences. */
export async function checkGradient(model: Model, feeds: NamedValues, options: CheckOptions = {}): Promise<void> {
  const { by = floatInputs(feeds), step = 1e-2, tolerance = 1e-2, seed = 7 } = options;
  const gradients = await gradientsOf(model, feeds, options);
  const weights = weightsFor(await runModel(model, feeds), seed);
  const session = await Session.create(encodeModel(model), { optimization: 'disabled', threads: 1 });
  for (const name of by) {
    const { dims, data } = feeds[name]!;
    const at = async (k: number, offset: number): Promise<number> => {
      const moved = Float32Array.from(data as Float32Array);
      moved[k]! += offset;
      return weighedSum(await session.run({ ...feeds, [name]: { type: 'float32', dims, data: moved } }), weights);
    };
    const expected = new Float64Array(data.length);
    for (let k = 0; k < data.length; k++) expected[k] = ((await at(k, step)) - (await at(k, -step))) / (2 * step);
    expectClose(name, gradients[name], dims, expected, tolerance);
  }
  await session.release();
}

/**
 * How far the gradients are from a central difference along one random direction of all inputs, relative to the larger
 * of both: a check of a whole model that runs it only twice.
 */
export async function errorAlongDirection(
  model: Model,
  feeds: NamedValues,
  options: CheckOptions = {},
): Promise<number> {
  const { by = floatInputs(feeds), step = 1e-2, seed = 7 } = options;
  const gradients = await gradientsOf(model, feeds, options);
  const weights = weightsFor(await runModel(model, feeds), seed);
  const directions = Object.fromEntries(by.map((name, k) => [name, randomFloats(feeds[name]!.dims, 1000 + k)]));
  const at = async (offset: number): Promise<number> => {
    const moved = by.map((name) => {
      const direction = directions[name]!.data as Float32Array;
      const data = (feeds[name]!.data as Float32Array).map((value, k) => value + offset * direction[k]!);
      return [name, floats(feeds[name]!.dims, data)];
    });
    return weighedSum(await runModel(model, { ...feeds, ...Object.fromEntries(moved) }), weights);
  };
  const expected = ((await at(step)) - (await at(-step))) / (2 * step);
  const actual = weighedSum(
    gradients,
    Object.fromEntries(Object.keys(gradients).map((name) => [name, directions[name]!])),
  );
  return Math.abs(expected - actual) / Math.max(1e-2, Math.abs(expected), Math.abs(actual));
}

async function runModel(model: Model, feeds: NamedValues): Promise<NamedValues> {
  const session = await Session.create(encodeModel(model), { optimization: 'disabled', threads: 1 });
  try {
    return await session.run(feeds);
  } finally {
    await session.release();
  }
}

/** A fixed random weight for each element of the float outputs, so that no gradient is trivial. */
function weightsFor(outputs: NamedValues, seed: number): NamedValues {
  const floatOutputs = Object.entries(outputs).filter(([, { type }]) => type === 'float32');
  return Object.fromEntries(floatOutputs.map(([name, { dims }], k) => [name, randomFloats(dims, seed + k)]));
}

/** In double precision, as differences of it are taken. */
function weighedSum(outputs: NamedValues, weights: NamedValues): number {
  let sum = 0;
  for (const [name, { data }] of Object.entries(weights)) {
    const values = outputs[name]!.data as Float32Array;
    for (let k = 0; k < data.length; k++) sum += Number(data[k]) * values[k]!;
  }
  return sum;
}

function expectClose(
  name: string,
  gradient: TensorValue | undefined,
  dims: readonly number[],
  expected: Float64Array,
  tolerance: number,
): void {
  const scale = Math.max(1e-3, ...expected.map(Math.abs));
  const actual = (gradient?.data ?? new Float32Array(expected.length)) as Float32Array;
  if (gradient) expect([name, ...gradient.dims]).toEqual([name, ...dims]);
  const worst = expected.reduce((most, value, k) => Math.max(most, Math.abs(value - actual[k]!)), 0);
  if (!(worst <= tolerance * scale))
    expect([...actual].map(rounded), `gradient by ${name} is off by ${worst}`).toEqual([...expected].map(rounded));
}

const rounded = (value: number) => Number(value.toPrecision(4));

function floatInputs(feeds: NamedValues): string[] {
  return Object.keys(feeds).filter((name) => feeds[name]!.type === 'float32');
}
