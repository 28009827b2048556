/** A scale of perceived pitch: mel from hertz and back. */
interface Scale {
  mel(hertz: number): number;
  hertz(mel: number): number;
}

const LOG_STEP = Math.log(6.4) / 27;

/** Mel scales by the names that librosa, torchaudio and Hugging Face use. */
const SCALES = {
  /** O'Shaughnessy 1987, as in HTK. */
  htk: { mel: (f) => 2595 * Math.log10(1 + f / 700), hertz: (m) => 700 * (10 ** (m / 2595) - 1) },
  /** The same curve with the rounded constants of Kaldi. */
  kaldi: { mel: (f) => 1127 * Math.log(1 + f / 700), hertz: (m) => 700 * (Math.exp(m / 1127) - 1) },
  /** Slaney 1998 (Auditory Toolbox): linear below 1 kHz, logarithmic above. */
  slaney: {
    mel: (f) => (f < 1000 ? (3 * f) / 200 : 15 + Math.log(f / 1000) / LOG_STEP),
    hertz: (m) => (m < 15 ? (200 * m) / 3 : 1000 * Math.exp(LOG_STEP * (m - 15))),
  },
} as const satisfies Record<string, Scale>;

/** Name of a mel scale. */
export type MelScale = keyof typeof SCALES;

/** Names of the mel scales. */
export const MEL_SCALES = Object.keys(SCALES) as [MelScale, ...MelScale[]];

/** What a bank of mel filters is made from. */
export interface MelBankSettings {
  sampleRate: number;
  nFft: number;
  nMels: number;
  /** Lowest and highest frequency, Hz. */
  fMin: number;
  fMax: number;
  scale: MelScale;
  /** `slaney` gives every filter the same area; null the same height. */
  norm: 'slaney' | null;
  /** Edges are straight on the mel axis (Kaldi) instead of the hertz axis. */
  straightInMel: boolean;
}

/** One triangular filter: weights of the bins from `first` on. */
export interface MelFilter {
  first: number;
  weights: Float64Array;
}

/** Triangular filters, evenly spaced on a mel scale, over the bins of a DFT. Empty where narrower than a bin. */
export function melBank(settings: MelBankSettings): MelFilter[] {
  const { sampleRate, nFft, nMels, fMin, fMax, norm, straightInMel } = settings;
  const scale: Scale = SCALES[settings.scale];
  const low = scale.mel(fMin);
  const step = (scale.mel(fMax) - low) / (nMels + 1);
  const axis = (hertz: number) => (straightInMel ? scale.mel(hertz) : hertz);
  const edge = (index: number) => (straightInMel ? low + step * index : scale.hertz(low + step * index));
  const bins = Array.from({ length: Math.floor(nFft / 2) + 1 }, (_, bin) => axis((bin * sampleRate) / nFft));
  return Array.from({ length: nMels }, (_, mel) => {
    const [left, centre, right] = [edge(mel), edge(mel + 1), edge(mel + 2)];
    const gain = norm === 'slaney' ? 2 / (scale.hertz(low + step * (mel + 2)) - scale.hertz(low + step * mel)) : 1;
    const weight = (x: number) => Math.min((x - left) / (centre - left), (right - x) / (right - centre)) * gain;
    const first = bins.findIndex((x) => weight(x) > 0);
    const inside = first < 0 ? [] : bins.slice(first).map(weight);
    const end = inside.findIndex((value) => value <= 0);
    return { first: Math.max(first, 0), weights: Float64Array.from(end < 0 ? inside : inside.slice(0, end)) };
  });
}
