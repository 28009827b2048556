import { type AugmentationRow, between } from './augmentation.js';

/** Makes clips louder or softer (volume perturbation, as in Kaldi's recipes; Ko et al. 2015, section 2). */
export const gain: AugmentationRow = {
  about: 'makes clips louder or softer by up to some dB',
  parameters: [{ name: 'dB', least: 0, most: 60, default: 6 }],
  make: ([most]) => ({
    on: 'audio',
    apply(clip, random) {
      const factor = 10 ** (between(random, -most!, most!) / 20);
      return { ...clip, samples: clip.samples.map((sample) => sample * factor) };
    },
  }),
};
