import type { ChannelRow, ChannelSite, Place, ResizeSite } from './site.js';

/** Convolutions: X [N, C, …] and a weight that sums over C and makes M channels. */
export const convolution: Record<string, ChannelRow> = {
  Conv: { couple: (site) => coupleConvolution(site, FORWARD), resize: resizeGroups },
  'com.microsoft.FusedConv': { couple: coupleFused, resize: resizeGroups },
  DeformConv: { couple: coupleDeformable, resize: resizeGroups },
  ConvTranspose: { couple: (site) => coupleConvolution(site, { weight: [0, 1], bias: 2 }), resize: resizeGroups },
};

/** Where a convolution has its parameters. */
interface Form {
  /** Axes of the weight: [M, C / group, …] of a convolution, [C, M / group, …] of a transposed one. */
  weight: readonly [inputs: 0 | 1, outputs: 0 | 1];
  /** Position of the bias. */
  bias: 2 | 3;
}

const FORWARD: Form = { weight: [1, 0], bias: 2 };

function coupleConvolution(site: ChannelSite, form: Form): void {
  const { x, y } = site;
  const group = site.node.int('group', 1);
  site.join([x, 0], [y, 0]);
  if (group === 1) coupleGroup(site, form, 1);
  else site.choose([() => coupleGroups(site, form, group), () => coupleGroup(site, form, group)]);
}

/** Channels that take the same place in each of the groups go together; of one group, that is each channel. */
function coupleGroup(site: ChannelSite, form: Form, group: number): void {
  const { x, y } = site;
  const [weight, bias] = [site.input(1)!, site.input(form.bias)];
  const [inputs, outputs] = [site.size(x, 1) / group, site.size(y, 1) / group];
  const place = (count: number) => (group === 1 ? undefined : (index: number) => index % count);
  site.contract([x, 1, place(inputs)], [weight, form.weight[0], place(inputs)]);
  const output: Place = [y, 1, place(outputs)];
  site.produce([weight, form.weight[1], place(outputs)], output);
  if (bias) site.join([bias, 0, place(outputs)], output);
}

/**
 * Groups go as a whole: with their input channels, their part of the weight and their output channels. One of a single
 * input channel makes no channels of its own.
 */
function coupleGroups(site: ChannelSite, form: Form, group: number): void {
  const { x, y } = site;
  const [weight, bias] = [site.input(1)!, site.input(form.bias)];
  const [inputs, outputs] = [site.size(x, 1) / group, site.size(y, 1) / group];
  const perGroup = form.weight[1] === 0 ? outputs : inputs;
  const of = (count: number) => (index: number) => Math.floor(index / count);
  site.join([x, 1, of(inputs)], [y, 1, of(outputs)]);
  if (inputs === 1) site.join([weight, 0, of(perGroup)], [y, 1, of(outputs)]);
  else site.produce([weight, 0, of(perGroup)], [y, 1, of(outputs)]);
  if (bias) site.join([bias, 0, of(outputs)], [y, 1, of(outputs)]);
}

/** A convolution with an activation, and perhaps a value that is added before it. */
function coupleFused(site: ChannelSite): void {
  const added = site.input(3);
  if (added) for (const axis of [0, 1]) site.join([added, axis], [site.y, axis]);
  coupleConvolution(site, FORWARD);
}

/** Channels share the offsets at which the input is read. */
function coupleDeformable(site: ChannelSite): void {
  if (site.node.int('offset_group', 1) !== 1) site.refuse('groups of channels have offsets of their own');
  coupleConvolution(site, { ...FORWARD, bias: 3 });
}

/** Counts the groups of which something is left. */
function resizeGroups(site: ResizeSite): void {
  const { node } = site;
  const x = site.input(0)!;
  const group = node.int('group', 1);
  const left = site.left(x, 1);
  if (group === 1 || !left) return;
  const perGroup = (site.before(x)[1] as number) / group;
  node.set('group', new Set(left.map((index) => Math.floor(index / perGroup))).size);
}
