import { powerSpectrum } from './dft.js';
import { type MelBankSettings, melBank } from './mel-scale.js';

const cosineWindow =
  (a0: number, a1: number, a2 = 0) =>
  (phase: number) =>
    a0 - a1 * Math.cos(2 * Math.PI * phase) + a2 * Math.cos(4 * Math.PI * phase);

/** Windows by name; `phase` runs from 0 to 1 over the window. */
const WINDOWS = {
  hann: cosineWindow(0.5, 0.5),
  hamming: cosineWindow(0.54, 0.46),
  blackman: cosineWindow(0.42, 0.5, 0.08),
  povey: (phase: number) => cosineWindow(0.5, 0.5)(phase) ** 0.85,
  rectangular: () => 1,
} as const satisfies Record<string, (phase: number) => number>;

/** Name of a window. */
export type WindowName = keyof typeof WINDOWS;

/** Names of the windows. */
export const WINDOW_NAMES = Object.keys(WINDOWS) as [WindowName, ...WindowName[]];

/** How energies become logarithms. */
const LOGARITHMS = {
  log: Math.log,
  log10: Math.log10,
  dB: (energy: number) => 10 * Math.log10(energy),
} as const satisfies Record<string, (energy: number) => number>;

/** Name of a logarithm. */
export type LogName = keyof typeof LOGARITHMS;

/** Names of the logarithms. */
export const LOG_NAMES = Object.keys(LOGARITHMS) as [LogName, ...LogName[]];

/** How a clip becomes log-mel frames; lengths are in samples. */
export interface LogMelSettings extends MelBankSettings {
  /** Samples that a frame spans; the DFT adds zeros up to `nFft`. */
  frameLength: number;
  /** Samples that the window spans, in the middle of the frame. */
  winLength: number;
  hopLength: number;
  window: WindowName;
  /** The window's last sample is one step before the end of its period, as spectra want it. */
  periodic: boolean;
  /** Half a frame is added before and after the clip, so that frame t is centred on sample t · hop. */
  center: boolean;
  padMode: 'reflect' | 'constant';
  /** Share of the sample before that is subtracted from each, within a frame; 0 for none. */
  preemphasis: number;
  /** The frame's mean is subtracted first. */
  removeDcOffset: boolean;
  /** Power of the magnitudes: 2 for energies, 1 for amplitudes. */
  power: 1 | 2;
  log: LogName;
  /** Least value before the logarithm. */
  floor: number;
}

/** Turns clips of one sampling rate into log-mel frames. Tables are computed once; not re-entrant. */
export interface LogMel {
  /** Frames that a clip of this length gives; 0 where it is shorter than a frame. */
  frames(samples: number): number;
  /** Fewest samples that give this many frames, at least 1. */
  samples(frames: number): number;
  /** Value of a frame without any sound. */
  silence: number;
  /** Frames one after another: `values[frame * nMels + mel]`. */
  compute(samples: Float32Array | Float64Array): Float32Array;
}

/** The window, zero outside its span, in the middle of a frame. */
function windowOf({ window, frameLength, winLength, periodic }: LogMelSettings): Float64Array {
  const values = new Float64Array(frameLength);
  const start = Math.floor((frameLength - winLength) / 2);
  const period = Math.max(1, periodic ? winLength : winLength - 1);
  for (let n = 0; n < winLength; n++) values[start + n] = WINDOWS[window](n / period);
  return values;
}

/** Half a frame before and after a clip: mirrored without repeating the edge, or zeros. */
function padded(samples: Float32Array | Float64Array, half: number, mode: 'reflect' | 'constant'): Float64Array {
  const output = new Float64Array(samples.length + 2 * half);
  output.set(samples, half);
  if (mode === 'constant') return output;
  const last = samples.length - 1;
  const mirrored = (at: number) => {
    const turn = Math.abs(at) % (2 * last || 1);
    return samples[turn <= last ? turn : 2 * last - turn]!;
  };
  for (let i = 0; i < half; i++) {
    output[i] = mirrored(i - half);
    output[half + samples.length + i] = mirrored(samples.length + i);
  }
  return output;
}

/** What happens to a frame before its window: the mean removed, high frequencies raised (as Kaldi does both). */
function condition(frame: Float64Array, removeDcOffset: boolean, preemphasis: number): void {
  if (removeDcOffset) {
    let sum = 0;
    for (const value of frame) sum += value;
    const mean = sum / frame.length;
    for (let n = 0; n < frame.length; n++) frame[n] = frame[n]! - mean;
  }
  if (preemphasis === 0) return;
  for (let n = frame.length - 1; n > 0; n--) frame[n] = frame[n]! - preemphasis * frame[n - 1]!;
  frame[0] = frame[0]! * (1 - preemphasis);
}

/**
 * Prepares log-mel features: frames → window → DFT → mel filters → logarithm (Davis & Mermelstein 1980), with the
 * conventions of Kaldi, librosa and Hugging Face's `spectrogram` as settings.
 */
export async function createLogMel(settings: LogMelSettings): Promise<LogMel> {
  const { frameLength, hopLength, nMels, power, floor } = settings;
  const half = settings.center ? Math.floor(frameLength / 2) : 0;
  const window = windowOf(settings);
  const spectrum = await powerSpectrum(settings.nFft);
  const filters = melBank(settings);
  // Filters one after the other in flat arrays, which are read several times as fast.
  const first = Int32Array.from(filters, (filter) => filter.first);
  const taps = Int32Array.from(filters, (filter) => filter.weights.length);
  const weights = Float64Array.from(filters.flatMap((filter) => [...filter.weights]));
  const logarithm = LOGARITHMS[settings.log];
  const frame = new Float64Array(frameLength);
  const bins = new Float64Array(Math.floor(settings.nFft / 2) + 1);
  const frames = (samples: number) => Math.max(0, 1 + Math.floor((samples + 2 * half - frameLength) / hopLength));

  /** Puts a frame of the clip, conditioned and windowed, before the DFT. */
  function writeFrame(clip: Float32Array | Float64Array, start: number): void {
    const isConditioned = settings.removeDcOffset || settings.preemphasis !== 0;
    if (isConditioned) {
      frame.set(clip.subarray(start, start + frameLength));
      condition(frame, settings.removeDcOffset, settings.preemphasis);
    }
    const [source, from] = isConditioned ? [frame, 0] : [clip, start];
    for (let n = 0; n < frameLength; n++) spectrum.frame[n] = source[from + n]! * window[n]!;
    spectrum.frame.fill(0, frameLength);
  }

  function writeMels(output: Float32Array, at: number): void {
    if (power === 1) for (let bin = 0; bin < bins.length; bin++) bins[bin] = Math.sqrt(bins[bin]!);
    for (let mel = 0, tap = 0; mel < nMels; mel++) {
      let energy = 0;
      for (let bin = first[mel]!, end = tap + taps[mel]!; tap < end; tap++, bin++) energy += weights[tap]! * bins[bin]!;
      output[at + mel] = logarithm(Math.max(energy, floor));
    }
  }

  return {
    frames,
    samples: (count) => Math.max(1, (count - 1) * hopLength + frameLength - 2 * half),
    silence: logarithm(floor),
    compute(samples) {
      const clip = half > 0 && samples.length > 0 ? padded(samples, half, settings.padMode) : samples;
      const count = samples.length > 0 ? frames(samples.length) : 0;
      const output = new Float32Array(count * nMels);
      for (let t = 0; t < count; t++) {
        writeFrame(clip, t * hopLength);
        spectrum.compute(bins);
        writeMels(output, t * nMels);
      }
      return output;
    },
  };
}
