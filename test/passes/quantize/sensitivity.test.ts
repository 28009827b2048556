import { describe, expect, it } from 'vitest';
import { prepareForQuantization } from '../../../src/passes/quantize/index.js';
import { measureSensitivity } from '../../../src/passes/quantize/sensitivity.js';
import { graphOf, noise, planFor, SETTINGS, statisticsOf } from './quantized.js';

/** Two layers alike, but for an outlier in the input of the second, which takes most of its integers. */
const MODEL = `g (float[N, 16] x, float[N, 16] z, float[16, 8] w1, float[16, 8] w2) => (float[N, 8] even, float[N, 8] r) {
  even = MatMul (x, w1)
  uneven = MatMul (z, w2)
  r = Relu (uneven)
}`;

const even = noise([8, 16], 1);
const batch = {
  x: { type: 'float32', dims: [8, 16], data: even },
  z: { type: 'float32', dims: [8, 16], data: Float32Array.from(even, (v, i) => (i === 100 ? 60 : v)) },
} as const;

async function* batches() {
  yield batch;
}

describe('measureSensitivity', () => {
  it('ranks nodes by the error that each adds by itself', async () => {
    const prepared = await prepareForQuantization(graphOf(MODEL));
    const statistics = await statisticsOf(prepared, 'static', [batch]);
    const facts = { isFloat32: prepared.isFloat32, statistics };
    const found = await measureSensitivity(prepared.model, planFor(prepared, 'static'), facts, SETTINGS, batches);
    expect([...found.keys()].sort()).toEqual(['even', 'uneven']);
    expect(found.get('even')! - found.get('uneven')!).toBeGreaterThan(5);
    expect(found.get('even')).toBeGreaterThan(30);
  });

  it('measures a node whose result is a graph output and is clamped as well', async () => {
    const model = graphOf(`g (float[N, 16] x, float[16, 8] w1, float[8, 8] w2) => (float[N, 8] m, float[N, 8] y) {
      m = MatMul (x, w1)
      r = Relu (m)
      y = MatMul (r, w2)
    }`);
    const prepared = await prepareForQuantization(model);
    const statistics = await statisticsOf(prepared, 'static', [{ x: batch.x }]);
    const facts = { isFloat32: prepared.isFloat32, statistics };
    const found = await measureSensitivity(
      prepared.model,
      planFor(prepared, 'static'),
      facts,
      SETTINGS,
      async function* () {
        yield { x: batch.x };
      },
    );
    expect([...found.keys()].sort()).toEqual(['m', 'y']);
  });

  it('measures nothing where nothing is treated', async () => {
    const prepared = await prepareForQuantization(graphOf(MODEL));
    const facts = { isFloat32: prepared.isFloat32, statistics: new Map() };
    expect((await measureSensitivity(prepared.model, new Map(), facts, SETTINGS, batches)).size).toBe(0);
  });
});
