import type { Site, UpgradeRow } from './site.js';

/** Operators that went, and Resize, which took the place of one of them in steps. */
export const REMOVED: readonly UpgradeRow[] = [
  { ops: ['Upsample'], version: 9, rewrite: upsampleScales },
  { ops: ['Upsample'], version: 10, rewrite: (site) => rename(site, 'Resize') },
  { ops: ['Scatter'], version: 11, rewrite: (site) => rename(site, 'ScatterElements') },
  { ops: ['Resize'], version: 11, rewrite: resizeCoordinates },
  { ops: ['Resize'], version: 13, rewrite: halfPixelNearest },
];

function rename(site: Site, op: string): void {
  site.node.op = op;
}

function upsampleScales(site: Site): void {
  const scales = site.node.floats('scales') ?? [];
  site.node.set('scales', undefined);
  site.setInputs(1, site.addConstant('scales', 'float32', [scales.length], scales));
}

/**
 * Resize 10 divides coordinates by the scale (`asymmetric`). Its nearest neighbour lies below where the axis grows and
 * above where it shrinks (as its test data in ONNX and ONNX Runtime have it); from 11 on one rule holds for all axes,
 * so a mixture, or scales known only when run, takes two steps: grow, then shrink.
 */
function resizeCoordinates(site: Site): void {
  const { node } = site;
  const [input = '', scales = ''] = node.inputs;
  const region = site.addConstant('roi', 'float32', [0], []);
  node.set('coordinate_transformation_mode', 'asymmetric');
  const nearest = node.string('mode', 'nearest') === 'nearest';
  const values = site.constant(scales)?.toNumbers();
  const grows = !nearest || values?.every((scale) => scale >= 1);
  const shrinks = values?.every((scale) => scale <= 1);
  if (nearest) node.set('nearest_mode', grows ? 'floor' : 'ceil');
  node.inputs = [input, region, scales];
  if (grows || shrinks) return;
  const one = site.addConstant('one', 'float32', [], [1]);
  const larger = site.insertBefore('Resize', [input, region, site.insertBefore('Max', [scales, one])], {
    coordinate_transformation_mode: 'asymmetric',
    mode: 'nearest',
    nearest_mode: 'floor',
  });
  node.inputs = [larger, region, site.insertBefore('Min', [scales, one])];
}

/** `tf_half_pixel_for_nn` rounds (x + 0.5) / scale down, which is half_pixel's (x + 0.5) / scale - 0.5 rounded up. */
function halfPixelNearest(site: Site): void {
  const { node } = site;
  if (node.string('coordinate_transformation_mode') !== 'tf_half_pixel_for_nn') return;
  if (node.string('mode', 'nearest') !== 'nearest' || node.string('nearest_mode') !== 'floor')
    throw site.refuse('tf_half_pixel_for_nn is only known to later versions with nearest_mode floor');
  node.set('coordinate_transformation_mode', 'half_pixel');
  node.set('nearest_mode', 'round_prefer_ceil');
}
