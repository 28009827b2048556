import { along, axesFrom, joinOthers } from './along.js';
import { broadcastPlace } from './elementwise.js';
import type { ChannelRow, ChannelSite } from './site.js';

const NORMALIZES = 'normalizes over it';

/** Operators that normalize: over some axes, whose indices all depend on each other. */
export const normalization: Record<string, ChannelRow> = {
  BatchNormalization: {
    couple(site) {
      const { x, y, node } = site;
      if (node.int('training_mode', 0) || node.outputs.slice(1).some(Boolean)) site.refuse('it is in training mode');
      const parameters = node.inputs.slice(1).map((name) => [name, 0] as const);
      for (let axis = 0; axis < site.rank(x); axis++)
        site.join([x, axis], [y, axis], ...(axis === 1 ? parameters : []));
    },
  },
  InstanceNormalization: {
    couple(site) {
      const { x, y } = site;
      joinOthers(site, x, y, new Set(axesFrom(site, 2)), NORMALIZES);
      for (const position of [1, 2]) site.join([site.input(position)!, 0], [y, 1]);
    },
  },
  GroupNormalization: {
    couple: coupleGroups,
    resize(site) {
      const x = site.input(0)!;
      const groups = site.node.int('num_groups', 1);
      const left = site.left(x, 1);
      if (left) site.node.set('num_groups', (left.length * groups) / (site.before(x)[1] as number));
    },
  },
  LRN: along(() => [1], 'normalizes over neighbours on it'),
  LpNormalization: along(({ node }) => [node.int('axis', -1)], NORMALIZES),
  MeanVarianceNormalization: along(({ node }) => node.ints('axes') ?? [0, 2, 3], NORMALIZES),
  LayerNormalization: along((site) => axesFrom(site, site.node.int('axis', -1)), NORMALIZES),
  RMSNormalization: along((site) => axesFrom(site, site.node.int('axis', -1)), NORMALIZES),
  SimplifiedLayerNormalization: along((site) => axesFrom(site, site.node.int('axis', -1)), NORMALIZES),
  'com.microsoft.SkipLayerNormalization': { couple: coupleSkip },
  'com.microsoft.SkipSimplifiedLayerNormalization': { couple: coupleSkip },
  Softmax: along(({ node }) => [node.int('axis', -1)], NORMALIZES),
  LogSoftmax: along(({ node }) => [node.int('axis', -1)], NORMALIZES),
  Hardmax: along(({ node }) => [node.int('axis', -1)], NORMALIZES),
};

/** Groups of channels are normalized each by itself, so they can go as a whole. */
function coupleGroups(site: ChannelSite): void {
  const { x, y } = site;
  const channels = site.size(x, 1);
  const perGroup = channels / site.node.int('num_groups', 1);
  const group = (index: number) => Math.floor(index / perGroup);
  site.join([x, 0], [y, 0]);
  site.join([x, 1, group], [y, 1, group]);
  for (const position of [1, 2]) {
    const parameter = site.input(position)!;
    site.join([parameter, 0, site.size(parameter, 0) === channels ? group : undefined], [y, 1, group]);
  }
}

/** The sum of the first two inputs is normalized over its last axis; the sum itself may be the last output. */
function coupleSkip(site: ChannelSite): void {
  const { x, y, node } = site;
  const last = site.rank(x) - 1;
  const values = [x, y, node.outputs[3]].filter((value) => value !== undefined);
  for (let axis = 0; axis < last; axis++)
    site.join(
      ...values.map((value) => [value, axis] as const),
      ...broadcastPlace(site, site.input(1)!, axis, last + 1),
    );
  for (const value of values) site.freeze(value, last, NORMALIZES);
}
