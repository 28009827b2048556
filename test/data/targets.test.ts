import { describe, expect, it } from 'vitest';
import { batchTargets } from '../../src/data/targets.js';
import type { TaskKind } from '../../src/data/task.js';
import type { Dataset } from '../../src/data/types.js';

/** Data of three classes with these targets. */
function data(kind: TaskKind, targets: (number | number[] | undefined)[]) {
  const dataset = { path: 'data.csv', describe: (index: number) => `row ${index}` } as Dataset;
  return { kind, dataset, labels: { classes: ['a', 'b', 'c'], targets, labelled: true } };
}

describe('batchTargets', () => {
  it('gives class indices', () => {
    expect(batchTargets(data('single-label', [2, 0, [1]]), [2, 0])).toEqual({
      type: 'int64',
      dims: [2],
      data: BigInt64Array.of(1n, 2n),
    });
  });

  it('marks each of several labels', () => {
    expect(batchTargets(data('multi-label', [[0, 2], [], 1]), [0, 1, 2])).toEqual({
      type: 'float32',
      dims: [3, 3],
      data: Float32Array.of(1, 0, 1, 0, 0, 0, 0, 1, 0),
    });
  });

  it('gives yes and no as a column', () => {
    expect(batchTargets(data('binary', [1, 0]), [0, 1])).toEqual({
      type: 'float32',
      dims: [2, 1],
      data: Float32Array.of(1, 0),
    });
  });

  it('names a sample without a label, or with too many', () => {
    expect(() => batchTargets(data('single-label', [1, undefined]), [0, 1])).toThrow(
      'data.csv: row 1: has no label; label every sample that is trained on',
    );
    expect(() => batchTargets(data('single-label', [[0, 1]]), [0])).toThrow('data.csv: row 0: has 2 labels');
  });
});
