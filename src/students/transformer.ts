import { DATA_TYPES } from '../ir/types.js';
import type { Features, Layers } from './layers.js';
import { averaged, sequenceOf } from './sequences.js';
import type { StudentTemplate } from './template.js';

const LAYERS = 2;
/** Features of an attention head. */
const HEAD = 32;
/** Width of the feed-forward layers over that of the others. */
const EXPANSION = 4;

/** Two transformer layers with normalization before each part, the mean over tokens. */
export const transformer: StudentTemplate = {
  name: 'transformer',
  about: 'two transformer layers (Vaswani et al. 2017) with the mean over tokens',
  suits: ['tokens', 'spectrogram', 'sequence'],
  widths: [128],
  block: HEAD,
  build(layers, input, [width]) {
    const sequence = sequenceOf(layers, input, width!);
    const { g } = layers;
    const projected =
      sequence.width === width ? sequence.value : layers.within('project').denseEach(sequence, width!).value;
    let x: Features = { value: g.add(projected, positions(layers, projected, width!)), width: width! };
    const barrier = sequence.mask && barrierOf(layers, sequence.mask);
    for (let k = 1; k <= LAYERS; k++) {
      const layer = layers.within(`layer${k}`);
      const attended = attention(layer.within('attention'), layer.within('norm1').layerNorm(x), barrier);
      x = { ...x, value: g.add(x.value, attended) };
      x = { ...x, value: g.add(x.value, feedForward(layer, layer.within('norm2').layerNorm(x))) };
    }
    const last = layers.within('norm').layerNorm(x);
    return averaged(layers, { ...last, mask: sequence.mask });
  },
};

/** Places that the slowest of the waves needs for one radian. */
const LONGEST = 10000;

/** Sines and cosines of each place, `[T, width]`. */
function positions({ g }: Layers, x: string, width: number): string {
  const { float32 } = DATA_TYPES;
  const length = g.op('Squeeze', [g.op('Shape', [x], { start: 1, end: 2 })]);
  const [zero, one] = [0, 1].map((value) => g.scalar(value, 'int64'));
  const places = g.op('Unsqueeze', [g.cast(g.op('Range', [zero!, length, one!]), float32.code), g.ints([1])]);
  const rates = g.op('Exp', [g.mul(g.op('Range', [0, width / 2, 1]), (-2 * Math.log(LONGEST)) / width)]);
  const angles = g.mul(places, rates);
  return g.op('Concat', [g.op('Sin', [angles]), g.op('Cos', [angles])], { axis: 1 });
}

/** What keeps attention from padding: 0 for tokens, a large negative number elsewhere, `[N, 1, 1, T]`. */
function barrierOf({ g }: Layers, mask: string): string {
  const turned = g.op('Unsqueeze', [g.transpose(mask, [0, 2, 1]), g.ints([1])]);
  return g.mul(g.sub(1, turned), -1e4);
}

function attention(layers: Layers, x: Features, barrier: string | undefined): string {
  const { g } = layers;
  const heads = x.width / HEAD;
  const split = (name: string, perm: readonly number[]) =>
    g.transpose(g.reshape(layers.within(name).denseEach(x, x.width).value, [0, 0, heads, HEAD]), perm);
  const [query, value] = ['query', 'value'].map((name) => split(name, [0, 2, 1, 3]));
  const scores = g.mul(g.op('MatMul', [query!, split('key', [0, 2, 3, 1])]), 1 / Math.sqrt(HEAD));
  const shares = g.op('Softmax', [barrier === undefined ? scores : g.add(scores, barrier)], { axis: -1 });
  const mixed = g.reshape(g.transpose(g.op('MatMul', [shares, value!]), [0, 2, 1, 3]), [0, 0, x.width]);
  return layers.within('output').denseEach({ value: mixed, width: x.width }, x.width).value;
}

function feedForward(layers: Layers, x: Features): string {
  const inner = layers.rectified(layers.within('expand').denseEach(x, EXPANSION * x.width));
  return layers.within('contract').denseEach(inner, x.width).value;
}
