import { padding } from './padding.js';
import { resizing } from './resizing.js';
import type { GradientRow, Site } from './site.js';
import { calculate, elementsOf, reshapeTo, type Size, sizeAt, sizesOf, vectorOf, zerosLike } from './sizes.js';
import { slicing } from './slicing.js';

/** The gradient is that of the output in the input's shape. */
const reshaped: GradientRow = (site) => site.give(0, site.reshapeLike(site.dy, site.x));

/** Operators that move elements and leave their values: reshaping, slicing, joining, resizing. */
export const shapes: Record<string, GradientRow> = {
  ...padding,
  ...resizing,
  ...slicing,
  Reshape: reshaped,
  Flatten: reshaped,
  Squeeze: reshaped,
  Unsqueeze: reshaped,
  Transpose(site) {
    const perm = site.node.ints('perm') ?? site.dims(site.x).map((_, axis, dims) => dims.length - 1 - axis);
    site.give(0, site.g.transpose(site.dy, inverse(perm)));
  },
  Split(site) {
    const parts = site.node.outputs.map((output, k) => site.gradientOf(k) ?? zerosLike(site, output));
    site.give(0, site.g.op('Concat', parts, { axis: site.node.int('axis', 0) }));
  },
  Concat: giveParts,
  Expand: (site) => site.give(0, site.unbroadcast(site.dy, site.y, site.x)),
  Tile: (site) => site.give(0, sumOfTiles(site)),
  DepthToSpace(site) {
    const { g, node, dy } = site;
    const blocksize = node.int('blocksize')!;
    if (node.string('mode', 'DCR') === 'DCR') return site.give(0, g.op('SpaceToDepth', [dy], { blocksize }));
    const [n, c, h, w] = sizesOf(site, site.x) as [Size, Size, Size, Size];
    const depth = typeof c === 'number' ? c / blocksize ** 2 : sizeAt(site, site.y, 1);
    const split = reshapeTo(site, dy, [n, depth, h, blocksize, w, blocksize]);
    site.give(0, site.reshapeLike(g.transpose(split, [0, 1, 3, 5, 2, 4]), site.x));
  },
  SpaceToDepth(site) {
    site.give(0, site.g.op('DepthToSpace', [site.dy], { blocksize: site.node.int('blocksize'), mode: 'DCR' }));
  },
  Trilu: (site) => site.give(0, site.g.op('Trilu', [site.dy, site.input(1)], { upper: site.node.int('upper', 1) })),
  ReverseSequence(site) {
    const { node } = site;
    const axes = { batch_axis: node.int('batch_axis', 1), time_axis: node.int('time_axis', 0) };
    site.give(0, site.g.op('ReverseSequence', [site.dy, site.input(1)], axes));
  },
};

function inverse(perm: readonly number[]): number[] {
  return perm.map((_, axis) => perm.indexOf(axis));
}

/** Every input of a Concat gets its part of the gradient: by one Split where all want theirs, by slices elsewhere. */
function giveParts(site: Site): void {
  const { g, node, dy } = site;
  const axis = site.axis(node.int('axis', 0));
  const sizes = node.inputs.map((input) => sizeAt(site, input, axis));
  if (sizes.every((_, k) => site.wants(k))) {
    const parts = g.ops('Split', [dy, vectorOf(site, sizes)], { axis }, sizes.length);
    for (const [k, part] of parts.entries()) site.give(k, part);
    return;
  }
  let begin: Size = 0;
  for (const [k, size] of sizes.entries()) {
    const end: Size = calculate(site, 'Add', begin, size);
    if (site.wants(k))
      site.give(k, g.op('Slice', [dy, vectorOf(site, [begin]), vectorOf(site, [end]), g.ints([axis])]));
    begin = end;
  }
}

/** Splits each axis into its tiles and sums over them. */
function sumOfTiles(site: Site): string {
  const { g } = site;
  const repeats = elementsOf(site, site.input(1)!);
  const tiles: Size[] = [];
  const axes: number[] = [];
  for (const [axis, repeat] of repeats.entries()) {
    if (repeat !== 1) axes.push(tiles.push(repeat) - 1);
    tiles.push(sizeAt(site, site.x, axis));
  }
  return axes.length ? g.sum(reshapeTo(site, site.dy, tiles), axes, false) : site.dy;
}
