import { TILE, tileProducts } from './tile-products.js';

/**
 * Solves A·x = b for several b by Cholesky's factorization A = L·Lᵀ, in place. The right-hand sides are rows below A:
 * factorizing them along with it makes them L⁻¹·b. In tiles of four by four, so that numbers are used where they are.
 * @param system `n + sides` rows of n: the matrix, symmetric and positive definite, of which only the lower triangle is
 * read, then the right-hand sides. Becomes L below the diagonal, then the solutions.
 * @throws RangeError where the matrix is not positive definite.
 */
export function solvePositiveDefinite(system: Float64Array, n: number, sides: number): void {
  factorize(system, n, n + sides);
  for (let row = n; row < n + sides; row += TILE) substituteBack(system, n, row, Math.min(row + TILE, n + sides));
}

function factorize(a: Float64Array, n: number, rows: number): void {
  for (let first = 0; first < n; first += TILE) {
    const last = Math.min(first + TILE, n);
    for (let row = first; row < rows; row += TILE) subtractProducts(a, n, row, Math.min(row + TILE, rows), first, last);
    for (let column = first; column < last; column++) {
      const pivot = pivotOf(a, n, column, first);
      for (let row = column + 1; row < rows; row++) {
        let sum = a[row * n + column]!;
        for (let k = first; k < column; k++) sum -= a[row * n + k]! * a[column * n + k]!;
        a[row * n + column] = sum / pivot;
      }
    }
  }
}

function pivotOf(a: Float64Array, n: number, column: number, first: number): number {
  let square = a[column * n + column]!;
  for (let k = first; k < column; k++) square -= a[column * n + k]! ** 2;
  if (!(square > 0)) throw new RangeError(`the matrix is not positive definite at row ${column}`);
  const pivot = Math.sqrt(square);
  a[column * n + column] = pivot;
  return pivot;
}

/** Takes the products of the columns before a tile from it. */
function subtractProducts(a: Float64Array, n: number, row: number, end: number, first: number, last: number): void {
  if (end - row === TILE && last - first === TILE) {
    const sums = tileProducts(a, row * n, n, a, first * n, n, first);
    for (let k = 0; k < sums.length; k++) a[(row + (k >> 2)) * n + first + (k & 3)]! -= sums[k]!;
  } else
    for (let i = row; i < end; i++)
      for (let j = first; j < last; j++) {
        let sum = 0;
        for (let k = 0; k < first; k++) sum += a[i * n + k]! * a[j * n + k]!;
        a[i * n + j]! -= sum;
      }
}

/** Solves Lᵀ·x = y for some rows y. */
function substituteBack(a: Float64Array, n: number, row: number, end: number): void {
  if (end - row === TILE) substituteFourBack(a, n, row);
  else
    for (let side = row * n; side < end * n; side += n)
      for (let i = n - 1; i >= 0; i--) {
        const x = a[side + i]! / a[i * n + i]!;
        for (let k = 0; k < i; k++) a[side + k]! -= x * a[i * n + k]!;
        a[side + i] = x;
      }
}

function substituteFourBack(a: Float64Array, n: number, row: number): void {
  const [s0, s1, s2, s3] = [row * n, (row + 1) * n, (row + 2) * n, (row + 3) * n];
  for (let i = n - 1; i >= 0; i--) {
    const l = i * n;
    const pivot = a[l + i]!;
    const [x0, x1, x2, x3] = [a[s0 + i]! / pivot, a[s1 + i]! / pivot, a[s2 + i]! / pivot, a[s3 + i]! / pivot];
    for (let k = 0; k < i; k++) {
      const factor = a[l + k]!;
      a[s0 + k]! -= x0 * factor;
      a[s1 + k]! -= x1 * factor;
      a[s2 + k]! -= x2 * factor;
      a[s3 + k]! -= x3 * factor;
    }
    a[s0 + i] = x0;
    a[s1 + i] = x1;
    a[s2 + i] = x2;
    a[s3 + i] = x3;
  }
}
