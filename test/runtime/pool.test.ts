import { describe, expect, it } from 'vitest';
import type { NamedValues } from '../../src/ir/types.js';
import { parseModel } from '../../src/onnx/text.js';
import { encodeModel } from '../../src/onnx/write.js';
import { resizeBatch, runPool } from '../../src/runtime/pool.js';

const model = (op: string) =>
  encodeModel(
    parseModel(`<ir_version: 8, opset_import: ["": 17]> g (float[N, 2] x) => (float[N, 2] y) { y = ${op} (x) }`),
  );

const row = (...values: number[]) =>
  ({ type: 'float32', dims: [1, values.length], data: Float32Array.from(values) }) as const;

async function* batches(count: number): AsyncGenerator<{ feeds: NamedValues }> {
  for (let i = 0; i < count; i++) yield { feeds: { x: row(i, -i) } };
}

describe('runPool', () => {
  it('runs models over batches and keeps their order', async () => {
    const found: number[][] = [];
    for await (const { outputs } of runPool([model('Relu'), model('Neg')], batches(7), { workers: 2 }))
      found.push(outputs.flatMap(({ y }) => [...(y!.data as Float32Array)]));
    expect(found[6]).toEqual([6, 0, -6, 6]);
    expect(found.map(([first]) => first)).toEqual([0, 1, 2, 3, 4, 5, 6]);
  });

  it('says why a model cannot be loaded, once all threads are done with it', async () => {
    const run = async () => {
      for await (const _ of runPool([model('Relu'), model('NoSuchOperator')], batches(3), { workers: 2 }));
    };
    await expect(run()).rejects.toThrow('NoSuchOperator');
  });
});

describe('resizeBatch', () => {
  it('cuts, or fills up with the last row', () => {
    const x = { type: 'float32', dims: [2, 2], data: Float32Array.of(1, 2, 3, 4) } as const;
    expect([...(resizeBatch({ x }, 1).x!.data as Float32Array)]).toEqual([1, 2]);
    expect([...(resizeBatch({ x }, 3).x!.data as Float32Array)]).toEqual([1, 2, 3, 4, 3, 4]);
  });
});
