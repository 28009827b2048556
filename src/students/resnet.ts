import type { Convolution, Features, Layers } from './layers.js';
import { stem } from './pictures.js';
import { BLOCK, type StudentTemplate } from './template.js';

/** Stages of two residual blocks, the first of which halves the picture. */
export const resnet: StudentTemplate = {
  name: 'resnet',
  about: 'residual network of three stages of two blocks (He et al. 2016)',
  suits: ['image', 'spectrogram'],
  widths: [32, 64, 128],
  block: BLOCK,
  build(layers, input, widths) {
    let x = stem(layers, input, widths[0]!);
    for (const [k, outputs] of widths.entries())
      for (const number of [1, 2])
        x = block(layers.within(`stage${k + 1}/block${number}`), x, outputs, number === 1 ? 2 : 1);
    return layers.pooled(x);
  },
};

function block(layers: Layers, x: Features, outputs: number, stride: number): Features {
  const strides = [stride, stride];
  const inner = layers.within('conv1').convolve(x, { outputs, kernel: [3, 3], strides });
  const { value } = normalized(layers.within('conv2'), inner, { outputs, kernel: [3, 3] });
  const isPlain = stride === 1 && x.width === outputs;
  const shortcut = isPlain ? x : normalized(layers.within('shortcut'), x, { outputs, kernel: [1, 1], strides });
  return layers.rectified({ value: layers.g.add(value, shortcut.value), width: outputs });
}

const normalized = (layers: Layers, x: Features, shape: Convolution) => layers.batchNorm(layers.convolution(x, shape));
