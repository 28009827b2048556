import { describe, test } from 'vitest';
import { checkGradient, graphOf, int64s, randomFloats } from './check-gradient.js';

const classes = int64s([2, 4], [0, 2, 1, 2, 2, 0, 0, 1]);

describe.each(['SoftmaxCrossEntropyLoss', 'NegativeLogLikelihoodLoss'])('%s', (op) => {
  test.each([
    ['float', ''],
    ['float', '<reduction="mean", ignore_index=2>'],
    ['float', '<reduction="sum">'],
    ['float', '<reduction="sum", ignore_index=-1>'],
    ['float[2,4]', '<reduction="none">'],
    ['float[2,4]', '<reduction="none", ignore_index=0>'],
  ])('gives %s%s', async (type, attributes) => {
    for (const weights of ['', ', w']) {
      const model = graphOf(`f (float[2,3,4] x, int64[2,4] c) => (${type} y) <float[3] w = {0.5, 2.0, 1.0}> {
        y = ${op}${attributes}(x, c${weights}) }`);
      await checkGradient(model, { x: randomFloats([2, 3, 4]), c: classes });
    }
  });
});

test('SoftmaxCrossEntropyLoss also gives log-probabilities', async () => {
  const model = graphOf(
    `f (float[4,3] x, int32[4] c) => (float y, float[4,3] p) { y, p = SoftmaxCrossEntropyLoss(x, c) }`,
  );
  const c = { type: 'int32' as const, dims: [4], data: Int32Array.of(2, 0, 1, 1) };
  await checkGradient(model, { x: randomFloats([4, 3]), c });
});
