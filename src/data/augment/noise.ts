import { type AugmentationRow, between, type Parameter } from './augmentation.js';

const decibels = (name: string, usual: number): Parameter => ({ name, least: -20, most: 100, default: usual });

/**
 * Adds white noise at a random signal-to-noise ratio, as robust keyword spotters are trained with (Tang & Lin 2017,
 * arXiv:1710.06554). It is evenly distributed, which is quicker made than Gaussian and has the same spectrum.
 */
export const noise: AugmentationRow = {
  about: 'adds white noise between two signal-to-noise ratios, in dB',
  parameters: [decibels('loudest', 20), decibels('softest', 40)],
  interval: true,
  make: ([loudest, softest]) => ({
    on: 'audio',
    apply(clip, random) {
      const { samples } = clip;
      let energy = 0;
      for (let at = 0; at < samples.length; at++) energy += samples[at]! ** 2;
      const ratio = 10 ** (between(random, loudest!, softest!) / 20);
      // Numbers spread evenly over an interval of width w deviate from its middle by w / √12.
      const width = (Math.sqrt(12) * Math.sqrt(energy / samples.length)) / ratio;
      const noisy = new Float32Array(samples.length);
      for (let at = 0; at < samples.length; at++) noisy[at] = samples[at]! + (random() - 0.5) * width;
      return { ...clip, samples: noisy };
    },
  }),
};
