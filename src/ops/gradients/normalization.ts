import { batchNormalization } from './batch-normalization.js';
import { groupNormalization, instanceNormalization } from './group-normalization.js';
import { layerNormalization, rmsNormalization } from './layer-normalization.js';
import { localResponseNormalization } from './local-response-normalization.js';
import type { GradientRow } from './site.js';

/** x̂ = (x − mean) / deviation over axes: dx = (dy − mean(dy) − x̂ · mean(dy · x̂)) / deviation. */
const meanVarianceNormalization: GradientRow = (site) => {
  const { g, dy, x, y } = site;
  const axes = g.ints(site.node.ints('axes') ?? [0, 2, 3]);
  const mean = (value: string) => g.op('ReduceMean', [value, axes], { keepdims: 1 });
  const centred = g.sub(x, mean(x));
  const deviation = g.add(g.op('Sqrt', [mean(g.mul(centred, centred))]), 1e-9);
  const projected = g.sub(g.sub(dy, mean(dy)), g.mul(y, mean(g.mul(dy, y))));
  site.give(0, g.div(projected, deviation));
};

/** y = x / ‖x‖: dx = (dy − ‖x‖′ · sum(dy · y)) / ‖x‖, where the norm's gradient ‖x‖′ is sign(x) for p = 1 and y for p = 2. */
const lpNormalization: GradientRow = (site) => {
  const { g, dy, x, y } = site;
  const axis = [site.axis(site.node.int('axis', -1))];
  const p = site.node.int('p', 2);
  const norm = g.op(p === 1 ? 'ReduceL1' : 'ReduceL2', [x, g.ints(axis)], { keepdims: 1 });
  const slope = p === 1 ? g.op('Sign', [x]) : y;
  const projected = g.sub(dy, g.mul(slope, g.sum(g.mul(dy, y), axis)));
  const inverse = g.where(g.op('Equal', [norm, 0]), 0, g.op('Reciprocal', [norm]));
  site.give(0, g.mul(projected, inverse));
};

/** Normalizations. */
export const normalization: Record<string, GradientRow> = {
  BatchNormalization: batchNormalization,
  GroupNormalization: groupNormalization,
  InstanceNormalization: instanceNormalization,
  LRN: localResponseNormalization,
  LayerNormalization: layerNormalization,
  LpNormalization: lpNormalization,
  MeanVarianceNormalization: meanVarianceNormalization,
  RMSNormalization: rmsNormalization,
};
