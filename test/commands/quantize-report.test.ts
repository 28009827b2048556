import { expect, it } from 'vitest';
import { sizeWarnings } from '../../src/commands/quantize-report.js';

it('a file that has grown is told', () => {
  expect(sizeWarnings({ sizeRatio: 0.63 })).toEqual([
    'larger than the original (1.59 times its size): its weights take so little room that the nodes around them take more ' +
      'than integers save; keep the original, or try --method fp16',
  ]);
  expect(sizeWarnings({ sizeRatio: 1 })).toEqual([]);
  expect(sizeWarnings({})).toEqual([]);
});
