import createPffft, { type Pffft } from '@echogarden/pffft-wasm/simd';

/** Computes the power spectra of real frames of one size, in single precision. Not re-entrant. */
export interface PowerSpectrum {
  /** Takes a frame: `size` numbers, all of them to be written before each call of `compute`. */
  readonly frame: Float32Array;
  /** Writes |DFT|² of the frame to `power`: size/2 + 1 numbers. */
  compute(power: Float64Array): void;
}

const [REAL, COMPLEX] = [0, 1] as const;
const [FORWARD, BACKWARD] = [0, 1] as const;

/** A run of floats in the memory of the library. */
interface Place {
  address: number;
  values: Float32Array;
}

/** @returns places for so many floats each; those given before may have moved. */
function allocate(pffft: Pffft, count: number, length: number): Place[] {
  const addresses = Array.from({ length: count }, () => pffft._pffft_aligned_malloc(4 * length));
  return addresses.map((address) => ({
    address,
    values: pffft.HEAPF32.subarray(address / 4, address / 4 + length).fill(0),
  }));
}

/** Multiples of 32 without factors above 5: as they are. */
function direct(pffft: Pffft, size: number): PowerSpectrum {
  const setup = pffft._pffft_new_setup(size, REAL);
  const [frame, spectrum, work] = allocate(pffft, 3, size) as [Place, Place, Place];
  const { values } = spectrum;
  return {
    frame: frame.values,
    compute(power) {
      pffft._pffft_transform_ordered(setup, frame.address, spectrum.address, work.address, FORWARD);
      for (let bin = 1; bin < size / 2; bin++) power[bin] = values[2 * bin]! ** 2 + values[2 * bin + 1]! ** 2;
      power[0] = values[0]! ** 2;
      power[size / 2] = values[1]! ** 2;
    },
  };
}

/** Any size: the DFT as a convolution with a chirp, done in a power of two (Bluestein 1970). */
function bluestein(pffft: Pffft, size: number): PowerSpectrum {
  const length = Math.max(16, 2 ** Math.ceil(Math.log2(2 * size)));
  const setup = pffft._pffft_new_setup(length, COMPLEX);
  const places = allocate(pffft, 5, 2 * length) as [Place, Place, Place, Place, Place];
  const [chirp, filter, signal, spectrum, work] = places;
  const angle = (n: number) => (Math.PI * ((n * n) % (2 * size))) / size;
  const cos = Float64Array.from({ length: size }, (_, n) => Math.cos(angle(n)));
  const sin = Float64Array.from({ length: size }, (_, n) => Math.sin(angle(n)));
  for (let n = 0; n < size; n++)
    for (const at of [n, (length - n) % length]) chirp.values.set([cos[n]!, sin[n]!], 2 * at);
  pffft._pffft_transform(setup, chirp.address, filter.address, work.address, FORWARD);
  const product = chirp;
  const frame = new Float32Array(size);
  return {
    frame,
    compute(power) {
      signal.values.fill(0);
      for (let n = 0; n < size; n++) {
        signal.values[2 * n] = frame[n]! * cos[n]!;
        signal.values[2 * n + 1] = -frame[n]! * sin[n]!;
      }
      pffft._pffft_transform(setup, signal.address, spectrum.address, work.address, FORWARD);
      product.values.fill(0);
      pffft._pffft_zconvolve_accumulate(setup, spectrum.address, filter.address, product.address, 1 / length);
      pffft._pffft_transform(setup, product.address, signal.address, work.address, BACKWARD);
      for (let bin = 0; bin <= size / 2; bin++)
        power[bin] = signal.values[2 * bin]! ** 2 + signal.values[2 * bin + 1]! ** 2;
    },
  };
}

function isDirect(size: number): boolean {
  if (size % 32) return false;
  let left = size;
  for (const factor of [2, 3, 5]) while (left % factor === 0) left /= factor;
  return left === 1;
}

const SPECTRA = new Map<number, Promise<PowerSpectrum>>();

/** Power spectra of real frames with a DFT of `size` points; one of each size, which all share. */
export function powerSpectrum(size: number): Promise<PowerSpectrum> {
  // A library of its own for each size: its memory never has to grow later, which would move what was given out.
  const made = SPECTRA.get(size) ?? createPffft().then((pffft) => (isDirect(size) ? direct : bluestein)(pffft, size));
  SPECTRA.set(size, made);
  return made;
}
