/** Zero crossings of the sinc on each side, and the cut-off as a share of the lower Nyquist rate (torchaudio's defaults). */
const LOWPASS_WIDTH = 6;
const ROLLOFF = 0.99;

/** One filter per output phase; taps that the window sets to zero are left out. */
interface Filters {
  /** Input samples that one round of phases advances by. */
  step: number;
  phases: { first: number; taps: Float64Array }[];
}

const cache = new Map<string, Filters>();

function gcd(a: number, b: number): number {
  return b === 0 ? a : gcd(b, a % b);
}

/** A windowed sinc at distance `t`, in zero crossings. */
function windowedSinc(t: number): number {
  if (Math.abs(t) >= LOWPASS_WIDTH) return 0;
  const window = Math.cos((t * Math.PI) / LOWPASS_WIDTH / 2) ** 2;
  return t === 0 ? window : (Math.sin(t * Math.PI) / (t * Math.PI)) * window;
}

function filtersOf(from: number, to: number): Filters {
  const key = `${from} ${to}`;
  const known = cache.get(key);
  if (known) return known;
  const cutoff = Math.min(from, to) * ROLLOFF;
  const reach = Math.ceil((LOWPASS_WIDTH * from) / cutoff);
  const phases = Array.from({ length: to }, (_, phase) => {
    const weight = (tap: number) => windowedSinc((tap / from - phase / to) * cutoff) * (cutoff / from);
    const centre = Math.floor((phase * from) / to);
    const first = Math.max(-reach, centre - reach);
    const last = Math.min(reach + from, centre + reach + 2);
    return { first, taps: Float64Array.from({ length: last - first }, (_, tap) => weight(first + tap)) };
  });
  const made = { step: from, phases };
  if (cache.size >= 16) cache.clear();
  cache.set(key, made);
  return made;
}

/**
 * Resamples a signal with a Hann-windowed sinc filter (J. O. Smith, Digital Audio Resampling), one filter per phase. The
 * formula and its parameters are those of torchaudio's `resample` (`sinc_interp_hann`, width 6, roll-off 0.99).
 * @param from rate of the signal, Hz @param to wanted rate, Hz; both whole
 * @returns ⌈length · to / from⌉ samples
 */
export function resample(samples: Float32Array, from: number, to: number): Float32Array {
  if (from === to) return samples;
  const divisor = gcd(from, to);
  const { step, phases } = filtersOf(from / divisor, to / divisor);
  const output = new Float32Array(Math.ceil((samples.length * phases.length) / step));
  for (let out = 0; out < output.length; out++) {
    const { first, taps } = phases[out % phases.length]!;
    const start = Math.floor(out / phases.length) * step + first;
    const end = Math.min(taps.length, samples.length - start);
    let sum = 0;
    for (let tap = Math.max(0, -start); tap < end; tap++) sum += samples[start + tap]! * taps[tap]!;
    output[out] = sum;
  }
  return output;
}
