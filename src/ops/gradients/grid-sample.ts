import { withRows } from './indexing.js';
import type { GradientRow, Site } from './site.js';
import { INT64, productOf, reshapeTo, type Size, sizesOf, zeros } from './sizes.js';

/** GridSample (Jaderberg et al. 2015, "Spatial Transformer Networks"), linear, on images. */
export const gridSample: Record<string, GradientRow> = {
  GridSample(site) {
    const sampling = samplingOf(site);
    if (site.wants(0)) site.give(0, imageGradient(site, sampling));
    if (site.wants(1)) site.give(1, gridGradient(site, sampling));
  },
};

/** Where each of P points lies, and the four pixels around it; batch first in every shape. */
interface Sampling {
  /** Along x and y: weights by distance [N,P,4], 1 where the point was not clipped [N,P,1], pixels per unit of the grid. */
  along: { weight: string; inside: string | undefined; perUnit: number }[];
  /** 1 for a pixel of the image, 0 for one beside it [N,P,4]. */
  exists: string;
  /** Batch row and place of each pixel in the flattened image [N,P,4,2]. */
  places: string;
  /** Gradient of the output as [N,P,C]. */
  dy: string;
  n: Size;
  c: Size;
  pixels: number;
}

/** Offsets of the four pixels from the one at the upper left, along x and y. */
const OFFSETS = [
  [0, 1, 0, 1],
  [0, 0, 1, 1],
];

function samplingOf(site: Site): Sampling {
  const { g, node } = site;
  const border = node.string('padding_mode', 'zeros') === 'border';
  refuseOthers(site);
  const [n, c, ...image] = sizesOf(site, site.x) as [Size, Size, Size, Size];
  const [height, width] = image.map((size) =>
    typeof size === 'number' ? size : site.refuse('the size of its image is not known'),
  ) as [number, number];
  const points = productOf(site, sizesOf(site, site.y, 2));
  const grid = reshapeTo(site, site.input(1)!, [n, points, 2]);
  const coordinates = g.ops('Split', [grid], { axis: -1, num_outputs: 2 }, 2);
  const axes = [width, height].map((size, k) => {
    const perUnit = (size - node.int('align_corners', 0)) / 2;
    const free = g.add(g.mul(coordinates[k]!, perUnit), (size - 1) / 2);
    const point = border ? g.op('Clip', [free, 0, size - 1]) : free;
    const pixel = g.add(g.op('Floor', [point]), g.constantOf('float32', [4], OFFSETS[k]!));
    const nearest = g.op('Clip', [pixel, 0, size - 1]);
    const weight = g.sub(1, g.op('Abs', [g.sub(point, pixel)]));
    const inside = border ? g.cast(g.op('Equal', [point, free]), FLOAT) : undefined;
    return { weight, inside, perUnit, nearest, exists: g.op('Equal', [pixel, nearest]) };
  });
  const [x, y] = axes as [(typeof axes)[0], (typeof axes)[0]];
  const flat = g.cast(g.add(g.mul(y.nearest, width), x.nearest), INT64);
  const column = g.op('Unsqueeze', [flat, g.ints([-1])]);
  return {
    along: axes,
    exists: g.cast(g.op('And', [x.exists, y.exists]), FLOAT),
    places: withRows(site, column, [n, points, 4, 1]),
    dy: g.transpose(reshapeTo(site, site.dy, [n, c, points]), [0, 2, 1]),
    n,
    c,
    pixels: height * width,
  };
}

/** TensorProto.DataType of float32. */
const FLOAT = 1;

function refuseOthers(site: Site): void {
  const { node } = site;
  const mode = node.string('mode', 'linear');
  if (mode !== 'linear' && mode !== 'bilinear') site.refuse(`its mode is ${mode}`);
  if (node.string('padding_mode', 'zeros') === 'reflection') site.refuse('its padding_mode is reflection');
  if (site.rank(site.x) !== 4) site.refuse('it samples volumes');
}

/** Each point gives its gradient to the four pixels, by their weights. */
function imageGradient(site: Site, { along, exists, places, dy, n, c, pixels }: Sampling): string {
  const { g } = site;
  const weight = g.mul(g.mul(along[0]!.weight, along[1]!.weight), exists);
  const updates = g.mul(g.op('Unsqueeze', [dy, g.ints([2])]), g.op('Unsqueeze', [weight, g.ints([-1])]));
  const image = g.op('ScatterND', [zeros(site, [n, pixels, c]), places, updates], { reduction: 'add' });
  return site.reshapeLike(g.transpose(image, [0, 2, 1]), site.x);
}

/** A move along one axis trades the weights of the pixels on either side. */
function gridGradient(site: Site, { along, exists, places, dy, n, c, pixels }: Sampling): string {
  const { g } = site;
  const image = g.transpose(reshapeTo(site, site.x, [n, c, pixels]), [0, 2, 1]);
  const around = g.op('GatherND', [image, places]);
  const slopes = g.op('MatMul', [around, g.op('Unsqueeze', [dy, g.ints([-1])])]);
  const known = g.mul(g.op('Squeeze', [slopes, g.ints([-1])]), exists);
  const gradients = along.map(({ inside, perUnit }, k) => {
    const signs = g.constantOf(
      'float32',
      [4],
      OFFSETS[k]!.map((offset) => (2 * offset - 1) * perUnit),
    );
    const sum = g.sum(g.mul(g.mul(known, along[1 - k]!.weight), signs), [-1]);
    return inside ? g.mul(sum, inside) : sum;
  });
  return site.reshapeLike(g.op('Concat', gradients, { axis: -1 }), site.input(1)!);
}
