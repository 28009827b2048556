import { expect, it } from 'vitest';
import { stragglers } from '../../src/training/stragglers.js';

it('names workers that take half as long again as others of their kind', () => {
  expect(stragglers([10, 10.4, 16, 9.8], 1)).toEqual([
    'worker 3 of 4 took 16.0 ms for its part of a batch, others like it 10.0 ms: they wait for it',
  ]);
  expect(stragglers([10, 14], 1)).toEqual([]);
  expect(stragglers([10], 1)).toEqual([]);
  // Stages of a pipeline differ; of two pipelines, the second stages do not.
  expect(stragglers([10, 30], 2)).toEqual([]);
  expect(stragglers([10, 30, 11, 60], 2)).toEqual([expect.stringMatching(/^worker 4 of 4 took 60.0 ms/)]);
});
