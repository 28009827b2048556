import type { PreprocessingOptions } from '../data/preprocessor.js';
import type { Filter } from '../data/resize.js';

/** The preprocessing options of the command line. */
export interface PreprocessingFlags {
  resize?: number[] | undefined;
  crop?: number[] | undefined;
  resizeMode?: 'crop' | 'stretch' | 'pad' | undefined;
  interpolation?: Filter | undefined;
  scale?: number | undefined;
  mean?: number[] | undefined;
  std?: number[] | undefined;
  channels?: 'rgb' | 'bgr' | 'gray' | undefined;
  layout?: string | undefined;
  maxLength?: number | undefined;
  padding?: 'longest' | 'max' | undefined;
  features?: 'waveform' | 'log-mel' | undefined;
  sampleRate?: number | undefined;
  melBins?: number | undefined;
}

/** Sorts the command line's preprocessing options by the kind of data that they speak of. */
export function preprocessingOf(flags: PreprocessingFlags): PreprocessingOptions {
  const { resize, crop, resizeMode, interpolation, scale, mean, std, channels, layout, maxLength } = flags;
  return {
    image: {
      resize,
      crop,
      resizeMode,
      interpolation,
      scale,
      mean,
      std,
      channels,
      layout: layout?.toLowerCase() as 'nchw' | 'nhwc' | undefined,
    },
    text: { maxLength, padding: flags.padding },
    audio: {
      features: flags.features,
      sampleRate: flags.sampleRate,
      maxLength,
      nMels: flags.melBins,
      mean: mean?.[0],
      std: std?.[0],
      layout: layout?.toUpperCase(),
    },
  };
}
