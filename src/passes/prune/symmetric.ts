import { solvePositiveDefinite } from './cholesky.js';
import { TILE, tileProducts } from './tile-products.js';

/** A symmetric matrix, of which the lower triangle is kept, row by row, and the first rows alone may be in use. */
export class SymmetricMatrix {
  constructor(
    readonly size: number,
    private readonly values: Float64Array,
  ) {}

  at(i: number, j: number): number {
    return this.values[i < j ? j * this.size + i : i * this.size + j]!;
  }

  /** Columns of the first rows: [rows, places]. */
  columns(places: readonly number[], rows: number): Float64Array {
    const found = new Float64Array(rows * places.length);
    for (const [k, place] of places.entries())
      for (let i = 0; i < rows; i++) found[i * places.length + k] = this.at(i, place);
    return found;
  }

  /** Takes U·Vᵀ, which is symmetric, from the first rows; both are [rows, depth]. */
  subtract(u: Float64Array, v: Float64Array, depth: number, rows: number): void {
    const { values, size } = this;
    for (let row = 0; row < rows; row += TILE)
      for (let column = 0; column <= row; column += TILE)
        if (row + TILE > rows) this.subtractRows(u, v, depth, row, rows, column);
        else {
          const sums = tileProducts(u, row * depth, depth, v, column * depth, depth, depth);
          for (let k = 0; k < sums.length; k++) values[(row + (k >> 2)) * size + column + (k & 3)]! -= sums[k]!;
        }
  }

  private subtractRows(
    u: Float64Array,
    v: Float64Array,
    depth: number,
    row: number,
    end: number,
    column: number,
  ): void {
    for (let i = row; i < end; i++)
      for (let j = column; j <= i && j < column + TILE; j++)
        for (let k = 0; k < depth; k++) this.values[i * this.size + j]! -= u[i * depth + k]! * v[j * depth + k]!;
  }

  /** Puts what lies at one place among the first rows at another. */
  move(from: number, to: number, rows: number): void {
    const { values, size } = this;
    const last = this.at(from, from);
    for (let k = 0; k < rows; k++) {
      const value = this.at(from, k);
      values[k < to ? to * size + k : k * size + to] = value;
    }
    values[to * (size + 1)] = last;
  }

  /** The part at some places: [places, places]. */
  part(places: readonly number[]): Float64Array {
    const count = places.length;
    const at = (k: number) => this.at(places[Math.floor(k / count)]!, places[k % count]!);
    return Float64Array.from({ length: count * count }, (_, k) => at(k));
  }

  /** Turns a positive definite matrix into its inverse, in place, by sweeping blocks of rows (Beaton 1964). */
  invert(): void {
    const { values, size } = this;
    for (let first = 0; first < size; first += SWEPT) {
      const block = Array.from({ length: Math.min(SWEPT, size - first) }, (_, k) => first + k);
      const width = block.length;
      const columns = this.columns(block, size);
      const inverse = timesInverse(unit(width), this.part(block), width);
      const shares = timesInverse(columns, this.part(block), width);
      for (const rows of [columns, shares]) rows.fill(0, first * width, (first + width) * width);
      this.subtract(shares, columns, width, size);
      for (let i = 0; i < size; i++)
        for (let k = 0; k < width; k++) {
          if (i < first) values[(first + k) * size + i] = shares[i * width + k]!;
          else if (i >= first + width) values[i * size + first + k] = shares[i * width + k]!;
          else if (i >= first + k) values[i * size + first + k] = -inverse[(i - first) * width + k]!;
        }
    }
    for (let k = 0; k < values.length; k++) values[k] = -values[k]!;
  }
}

/** Rows that are swept at a time. */
const SWEPT = 16;

/** Rows times the inverse of a positive definite matrix of their width. */
export function timesInverse(rows: Float64Array, matrix: Float64Array, width: number): Float64Array {
  const system = new Float64Array(matrix.length + rows.length);
  system.set(matrix);
  system.set(rows, matrix.length);
  solvePositiveDefinite(system, width, rows.length / width);
  return system.slice(matrix.length);
}

function unit(size: number): Float64Array {
  return Float64Array.from({ length: size * size }, (_, k) => Number(k % (size + 1) === 0));
}
