import type { SampleKind } from '../types.js';
import type { AugmentationRow } from './augmentation.js';
import { brightness, contrast, saturation } from './color.js';
import { crop } from './crop.js';
import { erase } from './erase.js';
import { flip, flipVertical } from './flip.js';
import { gain } from './gain.js';
import { inputNoise } from './input-noise.js';
import { noise } from './noise.js';
import { specAugment } from './spec-augment.js';
import { speed } from './speed.js';
import { timeShift } from './time-shift.js';
import { tokenDropout } from './token-dropout.js';
import { rotate, shift, zoom } from './warp.js';

/** The augmentations of each kind of data, by the name that users write. */
export const AUGMENTATIONS: Readonly<Record<SampleKind, Readonly<Record<string, AugmentationRow>>>> = {
  image: { crop, flip, 'flip-vertical': flipVertical, erase, rotate, shift, zoom, brightness, contrast, saturation },
  audio: { shift: timeShift, noise, gain, speed, specaugment: specAugment },
  text: { dropout: tokenDropout },
  arrays: { noise: inputNoise },
};

/** What is done where the user leaves it open: mild, and harmless for digits, letters and things without symmetry. */
export const AUTOMATIC: Readonly<Record<SampleKind, string>> = {
  image: 'crop=0.08',
  audio: 'shift=0.05,noise=20:40',
  text: 'dropout=0.05',
  arrays: '',
};
