import { stem } from './pictures.js';
import { BLOCK, type StudentTemplate } from './template.js';

/** Stages of two depthwise-separable blocks, the first of which halves the picture. */
export const separable: StudentTemplate = {
  name: 'ds-cnn',
  about: 'depthwise-separable convolutions in three stages (after MobileNet, Howard et al. 2017)',
  suits: ['image', 'spectrogram'],
  widths: [32, 64, 128, 256],
  block: BLOCK,
  build(layers, input, [first, ...widths]) {
    let x = stem(layers, input, first!);
    for (const [k, outputs] of widths.entries()) {
      const stage = layers.within(`stage${k + 1}`);
      x = stage.within('block1').separable(x, outputs, 2);
      x = stage.within('block2').separable(x, outputs, 1);
    }
    return layers.pooled(x);
  },
};
