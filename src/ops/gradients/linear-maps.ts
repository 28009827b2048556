import type { Site } from './site.js';
import { productOf, reshapeTo, type Size, sizesOf, vectorOf } from './sizes.js';

/** A linear map along one axis of a node's input: the matrix A of y = A · x, [output size, input size]. */
export interface AxisMap {
  axis: number;
  matrix: string;
}

/** The unit matrix of a size. */
export function unitMatrix(site: Site, size: Size): string {
  return site.g.op('EyeLike', [site.g.op('ConstantOfShape', [vectorOf(site, [size, size])])]);
}

/**
 * The gradient of an operator that maps each axis by itself and linearly, such as a resize: Aᵀ along every axis. The last
 * axis comes first, as it is one product over all rows.
 */
export function transposedMaps(site: Site, maps: readonly AxisMap[]): string {
  const { g } = site;
  const sizes = sizesOf(site, site.y);
  let gradient = site.dy;
  for (const { axis, matrix } of [...maps].sort((a, b) => b.axis - a.axis)) {
    const before = sizes.slice(0, axis);
    const behind = sizes.slice(axis + 1);
    if (!behind.length) gradient = g.op('MatMul', [gradient, matrix]);
    else {
      const folded =
        behind.length === 1 ? gradient : reshapeTo(site, gradient, [...before, sizes[axis]!, productOf(site, behind)]);
      gradient = g.op('com.microsoft.FusedMatMul', [matrix, folded], { transA: 1 });
    }
    sizes[axis] = sizesOf(site, site.x, axis, axis + 1)[0]!;
    if (behind.length > 1) gradient = reshapeTo(site, gradient, sizes);
  }
  return gradient;
}
