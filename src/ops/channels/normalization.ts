import type { ChannelRow } from './site.js';

/** Operators that normalize. */
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
      site.join([x, 0], [y, 0]);
      site.join([x, 1], [site.input(1)!, 0], [site.input(2)!, 0], [y, 1]);
      for (let axis = 2; axis < site.rank(x); axis++)
        for (const value of [x, y]) site.freeze(value, axis, 'is normalized over');
    },
  },
};
