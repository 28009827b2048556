import { resample } from '../resample.js';
import { type AugmentationRow, type Parameter, wholeBetween } from './augmentation.js';

const factor = (name: string, usual: number): Parameter => ({ name, least: 0.5, most: 2, default: usual });
/** Speeds are drawn in steps of one part in this many, so that few filters are needed. */
const STEPS = 20;
/** Seconds below which a clip keeps its speed, lest nothing of it is left. */
const SHORTEST = 0.1;

/** Plays clips faster or slower, pitch included (speed perturbation, Ko et al. 2015). */
export const speed: AugmentationRow = {
  about: 'plays clips at a speed between two factors',
  parameters: [factor('slowest', 0.9), factor('fastest', 1.1)],
  interval: true,
  make: ([slowest, fastest]) => ({
    on: 'audio',
    apply(clip, random) {
      const steps = wholeBetween(random, Math.round(slowest! * STEPS), Math.round(fastest! * STEPS));
      if (clip.samples.length < SHORTEST * clip.sampleRate) return clip;
      return { ...clip, samples: resample(clip.samples, steps, STEPS) };
    },
  }),
};
