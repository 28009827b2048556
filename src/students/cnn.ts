import { stem } from './pictures.js';
import { BLOCK, type StudentTemplate } from './template.js';

/** Stages of two 3 × 3 convolutions, the first of which halves the picture. */
export const cnn: StudentTemplate = {
  name: 'cnn',
  about: 'plain convolutional network of three stages (after Simonyan and Zisserman 2015)',
  suits: ['image', 'spectrogram'],
  widths: [32, 64, 128],
  block: BLOCK,
  build(layers, input, widths) {
    let x = stem(layers, input, widths[0]!);
    for (const [k, outputs] of widths.entries()) {
      const stage = layers.within(`stage${k + 1}`);
      x = stage.within('conv1').convolve(x, { outputs, kernel: [3, 3], strides: [2, 2] });
      x = stage.within('conv2').convolve(x, { outputs, kernel: [3, 3] });
    }
    return layers.pooled(x);
  },
};
