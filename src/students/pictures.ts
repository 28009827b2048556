import { arranged } from './arrange.js';
import type { GridInput, StudentInput } from './input.js';
import type { Features, Layers } from './layers.js';

/** Edge above which a picture is halved before the first stage, which halves it again. */
const LARGE = 40;

/** An input as a picture with a stem over it that leaves at most 40 pixels on an edge. */
export function stem(layers: Layers, input: StudentInput, outputs: number): Features {
  const picture = input as GridInput;
  const flat = picture.kind === 'spectrogram';
  const value = arranged(layers.g, picture, flat ? 'NCTF' : 'NCHW');
  const { C = 1, H = 1, W = 1, T = 1, F = 1 } = picture.sizes;
  let edge = flat ? Math.max(T, F) : Math.max(H, W);
  let x: Features = { value, width: C };
  for (let k = 1; ; k++) {
    const stride = edge > LARGE ? 2 : 1;
    x = layers.within(k > 1 ? `stem${k}` : 'stem').convolve(x, { outputs, kernel: [3, 3], strides: [stride, stride] });
    edge = Math.ceil(edge / stride);
    if (edge <= LARGE) return x;
  }
}
