/** Rows and columns of a tile. */
export const TILE = 4;

const sums = new Float64Array(TILE * TILE);

/**
 * Dot products of four rows with four others, [4, 4]: each number that is read takes part in four products.
 * @returns an array that the next call overwrites
 */
export function tileProducts(
  u: Float64Array,
  firstU: number,
  stepU: number,
  v: Float64Array,
  firstV: number,
  stepV: number,
  depth: number,
): Float64Array {
  // Arrays taken apart would be made anew for each step here.
  const [i1, i2, i3] = [firstU + stepU, firstU + 2 * stepU, firstU + 3 * stepU];
  const [j1, j2, j3] = [firstV + stepV, firstV + 2 * stepV, firstV + 3 * stepV];
  let [s00, s01, s02, s03, s10, s11, s12, s13] = [0, 0, 0, 0, 0, 0, 0, 0];
  let [s20, s21, s22, s23, s30, s31, s32, s33] = [0, 0, 0, 0, 0, 0, 0, 0];
  for (let k = 0; k < depth; k++) {
    const b0 = v[firstV + k]!;
    const b1 = v[j1 + k]!;
    const b2 = v[j2 + k]!;
    const b3 = v[j3 + k]!;
    let x = u[firstU + k]!;
    s00 += x * b0;
    s01 += x * b1;
    s02 += x * b2;
    s03 += x * b3;
    x = u[i1 + k]!;
    s10 += x * b0;
    s11 += x * b1;
    s12 += x * b2;
    s13 += x * b3;
    x = u[i2 + k]!;
    s20 += x * b0;
    s21 += x * b1;
    s22 += x * b2;
    s23 += x * b3;
    x = u[i3 + k]!;
    s30 += x * b0;
    s31 += x * b1;
    s32 += x * b2;
    s33 += x * b3;
  }
  sums[0] = s00;
  sums[1] = s01;
  sums[2] = s02;
  sums[3] = s03;
  sums[4] = s10;
  sums[5] = s11;
  sums[6] = s12;
  sums[7] = s13;
  sums[8] = s20;
  sums[9] = s21;
  sums[10] = s22;
  sums[11] = s23;
  sums[12] = s30;
  sums[13] = s31;
  sums[14] = s32;
  sums[15] = s33;
  return sums;
}
