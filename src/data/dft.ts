import FFT from 'fft.js';

/** Writes |DFT|² of `frame` (at most `size` numbers, zeros follow) to `power`: size/2 + 1 numbers. */
export type PowerSpectrum = (frame: Float64Array, power: Float64Array) => void;

function squares(spectrum: ArrayLike<number>, power: Float64Array, bins: number): void {
  for (let bin = 0; bin < bins; bin++) power[bin] = spectrum[2 * bin]! ** 2 + spectrum[2 * bin + 1]! ** 2;
}

/**
 * Powers of two: even and odd numbers as the parts of a complex signal of half the size, whose spectrum is taken apart
 * (Cooley, Lewis & Welch 1970, "The fast Fourier transform algorithm: programming considerations", for real data).
 */
function radixTwo(size: number): PowerSpectrum {
  const half = size / 2;
  const fft = new FFT(half);
  const input = new Float64Array(size);
  const spectrum = new Float64Array(size);
  const cos = Float64Array.from({ length: half }, (_, bin) => Math.cos((2 * Math.PI * bin) / size));
  const sin = Float64Array.from({ length: half }, (_, bin) => Math.sin((2 * Math.PI * bin) / size));
  return (frame, power) => {
    input.fill(0, frame.length);
    input.set(frame);
    fft.transform(spectrum, input);
    power[0] = (spectrum[0]! + spectrum[1]!) ** 2;
    power[half] = (spectrum[0]! - spectrum[1]!) ** 2;
    for (let bin = 1; bin < half; bin++) {
      const [at, mirror] = [2 * bin, 2 * (half - bin)];
      const evenReal = (spectrum[at]! + spectrum[mirror]!) / 2;
      const evenImaginary = (spectrum[at + 1]! - spectrum[mirror + 1]!) / 2;
      const oddReal = (spectrum[at + 1]! + spectrum[mirror + 1]!) / 2;
      const oddImaginary = (spectrum[mirror]! - spectrum[at]!) / 2;
      const real = evenReal + cos[bin]! * oddReal + sin[bin]! * oddImaginary;
      const imaginary = evenImaginary + cos[bin]! * oddImaginary - sin[bin]! * oddReal;
      power[bin] = real * real + imaginary * imaginary;
    }
  };
}

/** In-place product of two interleaved complex arrays. */
function multiply(a: Float64Array, b: Float64Array): void {
  for (let i = 0; i < a.length; i += 2) {
    const real = a[i]! * b[i]! - a[i + 1]! * b[i + 1]!;
    a[i + 1] = a[i]! * b[i + 1]! + a[i + 1]! * b[i]!;
    a[i] = real;
  }
}

/** Any size: the DFT as a convolution with a chirp, done in a power of two (Bluestein 1970). */
function bluestein(size: number): PowerSpectrum {
  const length = 2 ** Math.ceil(Math.log2(2 * size));
  const fft = new FFT(length);
  const angle = (n: number) => (Math.PI * ((n * n) % (2 * size))) / size;
  const cos = Float64Array.from({ length: size }, (_, n) => Math.cos(angle(n)));
  const sin = Float64Array.from({ length: size }, (_, n) => Math.sin(angle(n)));
  const chirp = new Float64Array(2 * length);
  for (let n = 0; n < size; n++) {
    for (const at of [n, (length - n) % length]) {
      chirp[2 * at] = cos[n]!;
      chirp[2 * at + 1] = sin[n]!;
    }
  }
  const filter = new Float64Array(2 * length);
  fft.transform(filter, chirp);
  const input = new Float64Array(2 * length);
  const spectrum = new Float64Array(2 * length);
  return (frame, power) => {
    input.fill(0);
    for (let n = 0; n < frame.length; n++) {
      input[2 * n] = frame[n]! * cos[n]!;
      input[2 * n + 1] = -frame[n]! * sin[n]!;
    }
    fft.transform(spectrum, input);
    multiply(spectrum, filter);
    fft.inverseTransform(input, spectrum);
    squares(input, power, Math.floor(size / 2) + 1);
  };
}

/** Power spectrum of real frames with a DFT of `size` points; powers of two are fastest. Not re-entrant. */
export function powerSpectrum(size: number): PowerSpectrum {
  return size >= 4 && Number.isInteger(Math.log2(size)) ? radixTwo(size) : bluestein(size);
}
