import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { inferValueTypes } from '../../src/analysis/value-types.js';
import type { NamedValues } from '../../src/ir/types.js';
import { encodeModel } from '../../src/onnx/write.js';
import { Session } from '../../src/runtime/session.js';
import { lowerBatchNorms, type RunningStatistic, trainBatchNorms } from '../../src/training/batch-norm.js';
import { differentiate } from '../../src/training/differentiate.js';
import { floats, graphOf } from '../ops/gradients/check-gradient.js';

const recorded = JSON.parse(readFileSync(new URL('recorded-batch-norm.json', import.meta.url), 'utf8')) as Record<
  string,
  number[]
> & { gradients: Record<string, number[]> };

const text = `f (float[n,3,2,3] x, float[3] s, float[3] b, float[n,3,2,3] dy) => (float[n,3,2,3] y)
  <float[3] mean = {${recorded.mean}}, float[3] variance = {${recorded.variance}}>
  { y = BatchNormalization<epsilon = 0.001, momentum = 0.8>(x, s, b, mean, variance) }`;

function statisticsOf(statistics: readonly RunningStatistic[]): NamedValues {
  return Object.fromEntries(statistics.map(({ name, tensor }) => [name, tensor.toValue()]));
}

test.each([
  [18, 'by the fused kernel'],
  [18, 'lowered'],
  [21, 'lowered'],
])('outputs, gradients and running statistics are those of PyTorch: operator set %d, %s', async (opset, form) => {
  const model = graphOf(text, opset);
  const statistics = trainBatchNorms(model);
  const facts = await inferValueTypes(graphOf(text, opset));
  const gradients = differentiate(model, new Map([['y', 'dy']]), ['x', 's', 'b'], { facts });
  if (form === 'lowered') lowerBatchNorms(model, (name) => facts.get(name)?.dims?.length);
  const outputs = { y: 'y', nextMean: statistics[0]!.next, nextVariance: statistics[1]!.next };
  model.graph.outputs = [...gradients.values(), ...Object.values(outputs)].map((name) => ({ name }));
  const session = await Session.create(encodeModel(model), { threads: 1 });
  const dims = [2, 3, 2, 3];
  const feeds = {
    x: floats(dims, recorded.x!),
    dy: floats(dims, recorded.weights!),
    s: floats([3], recorded.s!),
    b: floats([3], recorded.b!),
    ...statisticsOf(statistics),
  };
  for (let round = 0; round < 2; round++) {
    const results = await session.run(feeds);
    const expectClose = (name: string, expected: readonly number[]) => {
      for (const [k, value] of expected.entries()) expect(Number(results[name]!.data[k])).toBeCloseTo(value, 4);
    };
    for (const [name, output] of Object.entries(outputs)) expectClose(output, recorded[name]!);
    for (const [name, output] of gradients) expectClose(output, recorded.gradients[name]!);
  }
  await session.release();
});

test('nodes that share running statistics move them on one after the other', async () => {
  const model = graphOf(`f (float[4,2] x, float[2] s, float[2] b) => (float[4,2] z)
    <float[2] mean = {0, 0}, float[2] variance = {1, 1}>
    {
      y = BatchNormalization<momentum = 0.5>(x, s, b, mean, variance)
      z = BatchNormalization<momentum = 0.5>(y, s, b, mean, variance)
    }`);
  const statistics = trainBatchNorms(model);
  expect(statistics.map(({ name }) => name)).toEqual(['mean', 'variance']);
  model.graph.outputs.push(...statistics.map(({ next }) => ({ name: next })));
  const session = await Session.create(encodeModel(model), { threads: 1 });
  const x = floats([4, 2], [1, 3, 3, 5, 1, 3, 3, 5]);
  const feeds = { x, s: floats([2], [1, 1]), b: floats([2], [4, 8]), ...statisticsOf(statistics) };
  const results = await session.run(feeds);
  const [mean, variance] = statistics.map(({ next }) => [...(results[next]!.data as Float32Array)]);
  expect(mean).toEqual([(2 * 0.5 + 4) * 0.5, (4 * 0.5 + 8) * 0.5]);
  const unbiased = 4 / 3; // of 1, 3, 1, 3, and of these normalized
  expect(variance![0]).toBeCloseTo(((1 + unbiased) * 0.5 + unbiased) * 0.5, 4);
  await session.release();
});

test('a node may keep its constant statistics', () => {
  const model = graphOf(text);
  expect(trainBatchNorms(model, () => false)).toEqual([]);
  expect(model.graph.nodes[0]!.int('training_mode', 0)).toBe(0);
});
