import { arranged } from './arrange.js';
import type { GridInput } from './input.js';
import type { Features } from './layers.js';
import { BLOCK, type StudentTemplate } from './template.js';

/** Two dense layers over the standardized values. */
export const mlp: StudentTemplate = {
  name: 'mlp',
  about: 'two dense layers with batch normalization, for plain arrays',
  suits: ['vector'],
  widths: [256, 128],
  block: BLOCK,
  build(layers, input, widths) {
    const value = arranged(layers.g, input as GridInput, 'NF');
    let x: Features = layers.within('input').batchNorm({ value, width: (input as GridInput).sizes.F ?? 1 });
    for (const [k, outputs] of widths.entries()) {
      const layer = layers.within(`dense${k + 1}`);
      x = layer.rectified(layer.batchNorm(layer.dense(x, outputs)));
    }
    return x;
  },
};
