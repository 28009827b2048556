import { type AxisMap, transposedMaps, unitMatrix } from './linear-maps.js';
import type { GradientRow, Site } from './site.js';
import { sizeAt, vectorOf } from './sizes.js';

/** Resize in any mode: interpolation is linear and works on one axis after the other. */
export const resizing: Record<string, GradientRow> = {
  Resize(site) {
    if (site.node.string('keep_aspect_ratio_policy', 'stretch') !== 'stretch')
      site.refuse('it keeps the aspect ratio (keep_aspect_ratio_policy)');
    if (site.wants(1) || site.wants(2)) site.refuse('its scales or regions depend on what is trained');
    site.give(0, transposedMaps(site, axisMaps(site)));
  },
};

/** The matrix of each axis is what this very operator makes of the rows of the unit matrix. */
function axisMaps(site: Site): AxisMap[] {
  const { g, node } = site;
  const axes = node.ints('axes')?.map((axis) => site.axis(axis)) ?? site.dims(site.x).map((_, axis) => axis);
  const attributes = { ...Object.fromEntries(node.attributes), axes: [0], extrapolation_value: { float: 0 } };
  const isCrop = node.string('coordinate_transformation_mode') === 'tf_crop_and_resize';
  return axes.flatMap((axis, k) => {
    if (!isCrop && keepsSize(site, axis, k)) return [];
    const unit = unitMatrix(site, sizeAt(site, site.x, axis));
    const region = isCrop ? pick(site, site.input(1)!, [k, k + axes.length]) : undefined;
    const scaling = site.input(3)
      ? [undefined, vectorOf(site, [sizeAt(site, site.y, axis)])]
      : [pick(site, site.input(2)!, [k])];
    return [{ axis, matrix: g.op('Resize', [unit, region, ...scaling], attributes) }];
  });
}

/** True where an axis is known to stay as it is: its scale is 1, or its sizes are the same. */
function keepsSize(site: Site, axis: number, k: number): boolean {
  if (!site.input(3)) return site.constant(site.input(2))?.toNumbers()[k] === 1;
  const [size, output] = [site.dims(site.x)[axis], site.dims(site.y)[axis]];
  return size !== undefined && size === output;
}

/** Some elements of a vector of floats. */
function pick(site: Site, vector: string, at: readonly number[]): string {
  const { g } = site;
  const constant = site.constant(vector)?.toNumbers();
  if (constant)
    return g.constantOf(
      'float32',
      [at.length],
      at.map((k) => constant[k]!),
    );
  return g.op('Gather', [vector, g.ints(at)]);
}
