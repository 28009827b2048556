import { type AugmentationRow, between } from './augmentation.js';

/**
 * Lets a clip begin earlier or later (Tang & Lin 2017, arXiv:1710.06554): silence is put before it, or its beginning is
 * cut off and silence put behind. At most half of it is cut off.
 */
export const timeShift: AugmentationRow = {
  about: 'lets clips begin earlier or later by up to some seconds',
  parameters: [{ name: 'seconds', least: 0, most: 60, default: 0.1 }],
  make: ([seconds]) => ({
    on: 'audio',
    apply(clip, random) {
      const { samples } = clip;
      const drawn = Math.round(between(random, -seconds!, seconds!) * clip.sampleRate);
      const late = Math.max(0, drawn);
      const shifted = new Float32Array(samples.length + late);
      shifted.set(samples.subarray(Math.min(Math.max(0, -drawn), samples.length >> 1)), late);
      return { ...clip, samples: shifted };
    },
  }),
};
