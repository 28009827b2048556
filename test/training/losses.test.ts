import { describe, expect, it, test } from 'vitest';
import * as losses from '../../src/training/losses.js';
import { floats, int64s } from '../ops/gradients/check-gradient.js';
import { expectClose, lossAndGradient } from './loss-and-gradient.js';

const z = floats([2, 3], [2, -1, 0.5, 0, 3, -2]);
const targets = floats([2, 3], [1, 0, 1, 0, 1, 0]);
const other = floats([2, 3], [1, 0, 0, -1, 2, 1]);

// The expected numbers are PyTorch 2.13's: F.cross_entropy(label_smoothing), F.binary_cross_entropy_with_logits,
// binary KL as the difference of two of these, F.mse_loss, F.kl_div(log_softmax(z/T), softmax(t/T))·T² and F.cosine_similarity, each with reduction 'none'.
describe('losses and their gradients are those of PyTorch', () => {
  test('cross-entropy', async () => {
    const { loss, gradient } = await lossAndGradient(
      'float[n,3] z, int64[n] t',
      (g) => losses.crossEntropy({ g, logits: 'z' }, 't', 3, 0),
      { z, t: int64s([2], [0, 2]) },
    );
    expectClose(loss, [0.2413113, 5.054985]);
    expectClose(gradient, [-0.1072015, 0.01955629, 0.0876452, 0.01178085, 0.2366248, -0.2484056]);
  });

  test('cross-entropy with smooth labels', async () => {
    const { loss, gradient } = await lossAndGradient(
      'float[n,3] z, int64[n] t',
      (g) => losses.crossEntropy({ g, logits: 'z' }, 't', 3, 0.1),
      { z, t: int64s([2], [0, 2]) },
    );
    expectClose(loss, [0.3913113, 4.821652]);
    expectClose(gradient, [-0.07386816, 0.002889618, 0.07097853, 0.00344752, 0.2282915, -0.231739]);
  });

  test('cross-entropy with probabilities', async () => {
    const { loss, gradient } = await lossAndGradient(
      'float[n,3] z, float[n,3] t',
      (g) => losses.softCrossEntropy({ g, logits: 'z' }, 't'),
      { z, t: floats([2, 3], [0.2, 0.3, 0.5, 0, 1, 0]) },
    );
    expectClose(loss, [1.891311, 0.05498521]);
    expectClose(gradient, [0.2927985, -0.1304437, -0.1623548, 0.01178085, -0.01337521, 0.001594366]);
  });

  test('entropy of predictions', async () => {
    const { loss, gradient } = await lossAndGradient(
      'float[n,3] z',
      (g) => losses.predictionEntropy({ g, logits: 'z' }),
      { z },
    );
    expectClose(loss, [0.6215846, 0.2282428]);
    expectClose(gradient, [-0.1493708, 0.05123215, 0.09813865, 0.03330145, -0.04099702, 0.00769559]);
  });

  test('entropy of predictions of several labels', async () => {
    const { loss, gradient } = await lossAndGradient(
      'float[n,3] z',
      (g) => losses.binaryPredictionEntropy({ g, logits: 'z' }),
      { z },
    );
    expectClose(loss, [0.5367948, 0.4164487]);
    expectClose(gradient, [-0.03499786, 0.03276866, -0.01958365, 0.0, -0.01129417, 0.01749893]);
  });

  test('binary cross-entropy of several labels', async () => {
    const { loss, gradient } = await lossAndGradient(
      'float[n,3] z, float[n,3] t',
      (g) => losses.binaryCrossEntropy({ g, logits: 'z' }, 't', 0),
      { z, t: targets },
    );
    expectClose(loss, [0.3047556, 0.2895542]);
    expectClose(gradient, [-0.01986716, 0.04482357, -0.06292345, 0.04166667, -0.003952156, 0.009933577]);
  });

  test('binary cross-entropy with smooth labels: 1 becomes 0.9, and 0 becomes 0.1', async () => {
    const { loss, gradient } = await lossAndGradient(
      'float[n,3] z, float[n,3] t',
      (g) => losses.binaryCrossEntropy({ g, logits: 'z' }, 't', 0.2),
      { z, t: targets },
    );
    expectClose(loss, [0.4214222, 0.4562209]);
    expectClose(gradient, [-0.003200501, 0.02815691, -0.04625678, 0.03333334, 0.004381175, 0.001600243]);
  });

  test('binary cross-entropy of one score, however far off', async () => {
    const { loss, gradient } = await lossAndGradient(
      'float[n,1] z, float[n,1] t',
      (g) => losses.binaryCrossEntropy({ g, logits: 'z' }, 't', 0),
      { z: floats([2, 1], [2, -30]), t: floats([2, 1], [0, 1]) },
    );
    expectClose(loss, [2.126928, 30]);
    expectClose(gradient, [0.4403985, -0.25]);
  });

  test('mean squared error', async () => {
    const { loss, gradient } = await lossAndGradient(
      'float[n,3] z, float[n,3] t',
      (g) => losses.meanSquaredError(g, 'z', 't'),
      { z, t: targets },
    );
    expectClose(loss, [0.75, 2.666667]);
    expectClose(gradient, [0.3333333, -0.3333333, -0.1666667, 0, 0.3333333, -0.3333333]);
  });

  test.each<[number, number[], number[]]>([
    [1, [0.2197206, 0.7439588], [0.1047401, -0.08641449, -0.01832558, 0.003001097, 0.06027865, -0.06327976]],
    [4, [0.339107, 1.586842], [0.1440909, -0.1715625, 0.02747174, 0.05873053, 0.1243324, -0.1830629]],
  ])('distillation at temperature %d', async (temperature, expectedLoss, expectedGradient) => {
    const { loss, gradient } = await lossAndGradient(
      'float[n,3] z, float[n,3] t',
      (g) => losses.distillation({ g, logits: 'z' }, 't', temperature),
      { z, t: other },
    );
    expectClose(loss, expectedLoss);
    expectClose(gradient, expectedGradient);
  });

  // As in the authors' code: the target is hidden from the other classes by subtracting 1000.
  test.each<[number, number, number[], number[]]>([
    [4, 8, [2.405756, 1.586846], [0.1440908, -1.541359, 1.397268, 0.05873048, 0.1243324, -0.1830629]],
    [1, 1, [0.3685122, 0.7439588], [0.1047401, -0.1778945, 0.0731544, 0.003001098, 0.06027866, -0.06327976]],
  ])('decoupled distillation at temperature %d with β = %d', async (temperature, beta, expectedLoss, expected) => {
    const { loss, gradient } = await lossAndGradient(
      'float[n,3] z, float[n,3] t, int64[n] labels',
      (g) => losses.decoupledDistillation({ g, logits: 'z' }, 't', { labels: 'labels', classes: 3, temperature, beta }),
      { z, t: other, labels: int64s([2], [0, 2]) },
    );
    expectClose(loss, expectedLoss);
    expectClose(gradient, expected);
  });

  test.each<[number, number[], number[]]>([
    [2, [0.08890271, 0.4343946], [0.03619975, -0.04081978, 0.02072551, 0.02040989, 0.01441931, -0.05891965]],
    [1, [0.07788402, 0.3862162], [0.02495641, -0.03850976, 0.02040989, 0.01925488, 0.005981426, -0.05098797]],
  ])('distillation of several labels at temperature %d', async (temperature, expectedLoss, expectedGradient) => {
    const { loss, gradient } = await lossAndGradient(
      'float[n,3] z, float[n,3] t',
      (g) => losses.binaryDistillation({ g, logits: 'z' }, 't', temperature),
      { z, t: other },
    );
    expectClose(loss, expectedLoss);
    expectClose(gradient, expectedGradient);
  });

  test('cosine distance', async () => {
    const { loss, gradient } = await lossAndGradient(
      'float[n,3] z, float[n,3] t',
      (g) => losses.cosineDistance(g, 'z', 't'),
      { z, t: other },
    );
    expectClose(loss, [0.1271285, 0.5470892]);
    expectClose(gradient, [-0.05195665, -0.08313061, 0.04156531, 0.02830693, -0.03048438, -0.04572657]);
  });
});

describe('what losses do beside', () => {
  it('divergence from itself is 0, and so is its gradient', async () => {
    const { loss, gradient } = await lossAndGradient(
      'float[n,3] z, float[n,3] t',
      (g) => losses.distillation({ g, logits: 'z' }, 't', 2),
      { z, t: z },
    );
    expectClose([...loss, ...gradient], [0, 0, 0, 0, 0, 0, 0, 0]);
  });

  it('the angle to a row of zeros is a right one, with a finite gradient', async () => {
    const { loss, gradient } = await lossAndGradient(
      'float[n,3] z, float[n,3] t',
      (g) => losses.cosineDistance(g, 'z', 't'),
      { z: floats([2, 3], [0, 0, 0, 0, 0, 0]), t: other },
    );
    expectClose(loss, [1, 1]);
    expect(gradient.every(Number.isFinite)).toBe(true);
  });

  it('losses of features take any number of axes', async () => {
    const { loss, gradient } = await lossAndGradient(
      'float[n,1,2] z, float[n,1,2] t',
      (g) => losses.meanSquaredError(g, 'z', 't'),
      { z: floats([2, 1, 2], [1, 2, 3, 4]), t: floats([2, 1, 2], [1, 0, 1, 4]) },
    );
    expectClose(loss, [2, 2]);
    expectClose(gradient, [0, 1, 0.5, 0]);
  });

  it('weighs losses, and sums them', async () => {
    const { loss, gradient } = await lossAndGradient(
      'float[n,3] z, float[n,3] t',
      (g) => {
        const near = losses.meanSquaredError(g, 'z', 't');
        return losses.weighed(g, [
          [near, 1],
          [losses.meanSquaredError(g, g.mul('z', 2), 't'), 0.5],
        ]);
      },
      { z: floats([2, 3], [3, 0, 0, 0, 0, 0]), t: floats([2, 3], [0, 0, 0, 0, 0, 3]) },
    );
    expectClose(loss, [3 + 6, 3 + 1.5]);
    expectClose(gradient, [0.5 * (2 + 4), 0, 0, 0, 0, 0.25 * (-2 - 2)]);
  });
});
