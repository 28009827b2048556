import { convolutionInputGradient } from './convolution-input.js';
import { convolutionWeightGradient } from './convolution-weight.js';
import type { GradientRow, Site } from './site.js';
import { extent, padsOf, type Window, windowOf } from './windows.js';

/** Convolutions. */
export const convolution: Record<string, GradientRow> = {
  Conv(site) {
    const { x, y, dy } = site;
    const group = site.node.int('group', 1);
    const window = windowOf(site, kernelOf(site));
    if (site.wants(0)) site.give(0, convolutionInputGradient(site, window, group));
    if (site.wants(1))
      site.give(1, convolutionWeightGradient(site, { image: x, from: x, gradient: dy, to: y, window, group }));
    giveBias(site);
  },
  ConvTranspose(site) {
    const { x, y, dy } = site;
    const group = site.node.int('group', 1);
    const window = transposedWindowOf(site, kernelOf(site));
    const { strides, dilations } = window;
    const attributes = { strides, dilations, group, pads: padsOf(window) };
    if (site.wants(0)) site.give(0, site.g.op('Conv', [dy, site.input(1)!], attributes));
    if (site.wants(1))
      site.give(1, convolutionWeightGradient(site, { image: dy, from: y, gradient: x, to: x, window, group }));
    giveBias(site);
  },
};

/** The window of a Conv that maps the output's shape of a ConvTranspose back to its input's. */
function transposedWindowOf(site: Site, kernel: readonly number[]): Window {
  const { node } = site;
  const none = kernel.map(() => 0);
  const strides = node.ints('strides') ?? kernel.map(() => 1);
  const dilations = node.ints('dilations') ?? kernel.map(() => 1);
  const extra = node.ints('output_padding') ?? none;
  const open = { kernel, strides, dilations, begin: none, end: none };
  const auto = node.string('auto_pad', 'NOTSET');
  const pads = node.ints('pads') ?? [...none, ...none];
  const given = (axis: number) => (auto === 'VALID' ? [0, 0] : [pads[axis]!, pads[axis + kernel.length]!]);
  const sizes = site.dims(site.x).slice(2);
  const outputs = site.dims(site.y).slice(2);
  const isSame = auto.startsWith('SAME');
  const sides = kernel.map((_, axis) => {
    if (!isSame && !node.ints('output_shape')) return given(axis);
    const [size, output] = [sizes[axis], outputs[axis]];
    if (typeof size !== 'number' || typeof output !== 'number')
      return site.refuse('padding from the output size needs fixed sizes');
    const total = Math.max(0, (size - 1) * strides[axis]! + extra[axis]! + extent(open, axis) - output);
    const half = Math.floor(total / 2);
    return auto === 'SAME_UPPER' ? [half, total - half] : [total - half, half];
  });
  if (extra.some((rows, axis) => rows >= strides[axis]!)) site.refuse('output_padding of a stride or more');
  return { ...open, begin: sides.map(([before]) => before!), end: sides.map(([, after]) => after!) };
}

function kernelOf(site: Site): number[] {
  const kernel = site.sizes(site.input(1)!)?.slice(2) ?? site.node.ints('kernel_shape');
  return kernel ?? site.refuse('the shape of its weight is not known');
}

function giveBias(site: Site): void {
  if (!site.wants(2)) return;
  const axes = site.dims(site.y).flatMap((_, axis) => (axis === 1 ? [] : [axis]));
  site.give(2, site.g.sum(site.dy, axes, false));
}
