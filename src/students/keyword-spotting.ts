import { arranged } from './arrange.js';
import type { GridInput } from './input.js';
import { BLOCK, type StudentTemplate } from './template.js';

/** Frames above which time is halved once more. */
const LONG = 128;

/** A convolution over 10 frames and 4 bands, then depthwise-separable blocks of one width. */
export const keywordSpotting: StudentTemplate = {
  name: 'kws',
  about: 'DS-CNN for keyword spotting on log-mel features (Zhang et al. 2017)',
  suits: ['spectrogram'],
  widths: [128],
  block: BLOCK,
  build(layers, input, [width]) {
    const outputs = width!;
    const value = arranged(layers.g, input as GridInput, 'NCTF');
    const { C = 1, T = 1 } = (input as GridInput).sizes;
    let x = layers.within('stem').convolve({ value, width: C }, { outputs, kernel: [10, 4], strides: [2, 2] });
    let frames = Math.ceil(T / 2);
    for (let k = 1; frames > LONG; k++, frames = Math.ceil(frames / 2))
      x = layers.within(`shorten${k}`).convolve(x, { outputs, kernel: [3, 1], strides: [2, 1], depthwise: true });
    for (const [k, stride] of [1, 2, 1, 1].entries()) x = layers.within(`block${k + 1}`).separable(x, outputs, stride);
    return layers.pooled(x);
  },
};
