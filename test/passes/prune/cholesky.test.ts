import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { solvePositiveDefinite } from '../../../src/passes/prune/cholesky.js';
import { seededRandom } from '../../../src/random.js';

describe('solvePositiveDefinite', () => {
  it('solves for rows below the matrix, of which it reads the lower triangle', () => {
    // numpy.linalg.solve([[4, 2], [2, 5]], [8, 12]) = [1, 2]; the factor is [[2, 0], [1, 2]]
    const system = Float64Array.of(4, Number.NaN, 2, 5, 8, 12);
    solvePositiveDefinite(system, 2, 1);
    expect([...system]).toEqual([2, Number.NaN, 1, 2, 1, 2]);
  });

  it('refuses a matrix that is not positive definite', () => {
    expect(() => solvePositiveDefinite(Float64Array.of(1, 2, 2, 1), 2, 0)).toThrow('not positive definite at row 1');
  });

  it('gives solutions of every size', () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 23 }), fc.integer({ min: 0, max: 11 }), fc.integer(), (n, sides, seed) => {
        const random = seededRandom(seed);
        const root = Float64Array.from({ length: n * n }, () => random() - 0.5);
        const system = Float64Array.from({ length: (n + sides) * n }, random);
        for (let i = 0; i < n; i++)
          for (let j = 0; j < n; j++) {
            let sum = i === j ? 0.1 : 0;
            for (let k = 0; k < n; k++) sum += root[i * n + k]! * root[j * n + k]!;
            system[i * n + j] = sum;
          }
        const before = system.slice();
        solvePositiveDefinite(system, n, sides);
        for (let row = n; row < n + sides; row++)
          for (let i = 0; i < n; i++) {
            let sum = 0;
            for (let k = 0; k < n; k++) sum += before[i * n + k]! * system[row * n + k]!;
            expect(sum).toBeCloseTo(before[row * n + i]!, 8);
          }
      }),
    );
  });
});
