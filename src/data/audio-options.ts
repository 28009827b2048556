import { UserError } from '../errors.js';
import { type AudioRecipe, readAudioConfig } from './audio-config.js';
import type { InputSpec } from './types.js';

/** What is fed to an audio model, where no preprocessor_config.json says it or to overrule that. */
export interface AudioOptions {
  /** Raw samples, or log-mel frames. */
  features?: 'waveform' | 'log-mel' | undefined;
  /** Hz that clips are resampled to. */
  sampleRate?: number | undefined;
  /** Samples that clips are cut or padded to. */
  maxLength?: number | undefined;
  /** Waveforms get zero mean and unit variance. */
  normalize?: boolean | undefined;
  /** Number of mel filters. */
  nMels?: number | undefined;
  /** Points of the DFT; the next power of two above the window by default. */
  nFft?: number | undefined;
  /** Samples of a frame and from one to the next; 25 and 10 ms by default. */
  winLength?: number | undefined;
  hopLength?: number | undefined;
  /** Hz; 0 and half the rate by default. */
  fMin?: number | undefined;
  fMax?: number | undefined;
  melScale?: string | undefined;
  /** Log-mel values become (x − mean) / std. */
  mean?: number | undefined;
  std?: number | undefined;
  /** Order of the axes: `NT`, `NTF`, `NCTF` … */
  layout?: string | undefined;
}

/** Options by the field of preprocessor_config.json that they stand for. */
const FIELDS = {
  sampling_rate: 'sampleRate',
  max_length: 'maxLength',
  num_mel_bins: 'nMels',
  n_fft: 'nFft',
  frame_length: 'winLength',
  win_length: 'winLength',
  hop_length: 'hopLength',
  min_frequency: 'fMin',
  max_frequency: 'fMax',
  mel_scale: 'melScale',
  do_normalize: 'normalize',
  mean: 'mean',
  std: 'std',
  layout: 'layout',
} as const satisfies Record<string, keyof AudioOptions>;

/** The options given, as fields of a preprocessor_config.json. */
export function fieldsOf(options: AudioOptions): Record<string, unknown> {
  const given = Object.entries(FIELDS).flatMap(([field, option]) =>
    options[option] === undefined ? [] : [[field, options[option]]],
  );
  const padding = options.maxLength === undefined ? {} : { padding: 'max_length' };
  const scaling = (options.mean ?? options.std) === undefined ? {} : { do_normalize: true };
  return { ...Object.fromEntries(given), ...padding, ...scaling };
}

/**
 * The recipe that options alone describe. Raw waveforms are taken where the input is `[N, samples]` or
 * `[N, 1, samples]` and options do not say otherwise.
 * @throws UserError where the sampling rate, or what the input holds, is not said
 */
export function recipeFromOptions(input: InputSpec, options: AudioOptions): AudioRecipe {
  const { sampleRate } = options;
  const mend = 'put a preprocessor_config.json beside the model, or give';
  const rank = input.dims.length;
  const features = options.features ?? (rank === 2 || (rank === 3 && input.dims[1] === 1) ? 'waveform' : undefined);
  if (features === undefined) {
    const what = `nothing says what input '${input.name}' [${input.dims.join(', ')}] holds`;
    throw new UserError(what, { mend: `${mend} --features log-mel or waveform` });
  }
  if (sampleRate === undefined) {
    throw new UserError('nothing says at what rate the model takes audio', { mend: `${mend} --sample-rate` });
  }
  const given = fieldsOf(options);
  if (features === 'waveform') {
    const plain = { feature_extractor_type: 'Wav2Vec2FeatureExtractor', do_normalize: false };
    return readAudioConfig({ path: 'options', value: plain }, given);
  }
  return readAudioConfig({ path: 'options', value: usualLogMel(sampleRate, options.winLength) }, given);
}

/** Fields of log-mel features as they are common: frames of 25 ms, one every 10 ms. @param window samples of a frame */
export function usualLogMel(sampleRate: number, window = Math.round(sampleRate * 0.025)): Record<string, unknown> {
  return {
    feature_extractor_type: 'LogMelFeatureExtractor',
    frame_length: window,
    hop_length: Math.round(sampleRate * 0.01),
    n_fft: 2 ** Math.ceil(Math.log2(window)),
  };
}
