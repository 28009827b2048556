import { arranged } from './arrange.js';
import type { GridInput } from './input.js';
import { BLOCK, type StudentTemplate } from './template.js';

/** Places in which the first convolution divides a second, and how much of one its kernel sees. */
const STEPS_PER_SECOND = 2000;
const KERNEL_SECONDS = 0.01;

/** A convolution over 10 ms, then three over 3 steps, each followed by a maximum over 4. */
export const waveform: StudentTemplate = {
  name: 'wave-cnn',
  about: 'one-dimensional network on the raw waveform (after M5, Dai et al. 2017)',
  suits: ['waveform'],
  widths: [64, 64, 128, 256],
  block: BLOCK,
  build(layers, input, widths) {
    const { sizes, sampleRate = 16000 } = input as GridInput;
    const value = arranged(layers.g, input as GridInput, 'NCT');
    const stride = Math.max(1, Math.round(sampleRate / STEPS_PER_SECOND));
    let steps = Math.ceil((sizes.T ?? 1) / stride);
    let x = { value, width: 1 };
    for (const [k, outputs] of widths.entries()) {
      const [kernel, strides] = k ? [[3], [1]] : [[Math.max(3, Math.round(sampleRate * KERNEL_SECONDS))], [stride]];
      x = layers.within(`conv${k + 1}`).convolve(x, { outputs, kernel, strides });
      if (steps < 4) continue;
      x = { value: layers.g.op('MaxPool', [x.value], { kernel_shape: [4], strides: [4] }), width: outputs };
      steps = Math.floor(steps / 4);
    }
    return layers.pooled(x);
  },
};
