import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { SymmetricMatrix } from '../../../src/passes/prune/symmetric.js';
import { seededRandom } from '../../../src/random.js';

/** The lower triangle of a random positive definite matrix, and NaN above it. */
function positive(size: number, seed: number): SymmetricMatrix {
  const random = seededRandom(seed);
  const root = Array.from({ length: size }, () => Array.from({ length: size }, () => random() - 0.5));
  const values = new Float64Array(size * size).fill(Number.NaN);
  for (let i = 0; i < size; i++)
    for (let j = 0; j <= i; j++)
      values[i * size + j] = root[i]!.reduce((sum, value, k) => sum + value * root[j]![k]!, i === j ? 0.1 : 0);
  return new SymmetricMatrix(size, values);
}

const all = (size: number) => Array.from({ length: size }, (_, k) => k);

describe('SymmetricMatrix', () => {
  it('inverts', () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 37 }), fc.integer(), (size, seed) => {
        const [before, inverse] = [positive(size, seed), positive(size, seed)];
        inverse.invert();
        for (const i of all(size))
          for (const j of all(size)) {
            const product = all(size).reduce((sum, k) => sum + before.at(i, k) * inverse.at(k, j), 0);
            expect(product).toBeCloseTo(Number(i === j), 8);
          }
      }),
      { numRuns: 30 },
    );
  });

  it('takes products from its first rows', () => {
    const size = 9;
    const [matrix, before] = [positive(size, 1), positive(size, 1)];
    const u = Float64Array.from({ length: 12 }, (_, k) => k - 3);
    matrix.subtract(u, u, 2, 6);
    const expected = all(size).map((i) =>
      all(size).map(
        (j) => before.at(i, j) - (i < 6 && j < 6 ? u[2 * i]! * u[2 * j]! + u[2 * i + 1]! * u[2 * j + 1]! : 0),
      ),
    );
    for (const i of all(size)) for (const j of all(size)) expect(matrix.at(i, j)).toBeCloseTo(expected[i]![j]!, 12);
  });

  it('moves a row and its column', () => {
    const [matrix, before] = [positive(6, 2), positive(6, 2)];
    matrix.move(4, 1, 5);
    expect([...matrix.part([0, 1, 2, 3])]).toEqual([...before.part([0, 4, 2, 3])]);
  });
});
