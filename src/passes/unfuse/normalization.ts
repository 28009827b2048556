import { Tensor } from '../../ir/tensor.js';
import type { Fused, UnfuseRow } from './fused.js';

/** Normalizations with the sums and look-ups that were fused to them. */
export const normalization: Record<string, UnfuseRow> = {
  'com.microsoft.SkipLayerNormalization': (fused) => {
    const { g, node } = fused;
    const sum = fused.total(0, 1, 4);
    const normalized = layerNormalization(fused, sum, fused.needed(2), fused.input(3));
    return [normalized, undefined, undefined, node.outputs[3] && g.op('Identity', [sum])];
  },
  'com.microsoft.SkipSimplifiedLayerNormalization': (fused) => {
    const sum = fused.total(0, 1, 3);
    const normalized = rootMeanSquare(fused, sum, fused.needed(2), [-1]);
    return [normalized, undefined, undefined, fused.node.outputs[3] && fused.g.op('Identity', [sum])];
  },
  SimplifiedLayerNormalization: (fused) => {
    const axis = fused.node.int('axis', -1);
    const rank = axis === -1 ? 1 : fused.dims(fused.x).length;
    const first = axis < 0 ? axis : axis - rank;
    const axes = Array.from({ length: -first }, (_, k) => first + k);
    return [rootMeanSquare(fused, fused.x, fused.needed(1), axes)];
  },
  'com.microsoft.EmbedLayerNormalization': embedLayerNormalization,
};

function layerNormalization({ g, node }: Fused, x: string, scale: string, bias: string | undefined): string {
  const epsilon = { float: node.float('epsilon', 1e-12) };
  return g.op('LayerNormalization', bias ? [x, scale, bias] : [x, scale], { axis: -1, epsilon });
}

/** `x / √(mean(x²) + ε) · scale` (Zhang and Sennrich 2019) */
function rootMeanSquare({ g, node }: Fused, x: string, scale: string, axes: readonly number[]): string {
  const mean = g.op('ReduceMean', [g.mul(x, x), g.ints(axes)], { keepdims: 1 });
  const deviation = g.op('Sqrt', [g.add(mean, node.float('epsilon', 1e-5))]);
  return g.mul(g.div(x, deviation), scale);
}

/** Sum of the embeddings of words, positions and segments, normalized. */
function embedLayerNormalization(fused: Fused): readonly (string | undefined)[] {
  const { g, node, x: words } = fused;
  const [segments, mask, positions] = [fused.input(1), fused.input(7), fused.input(8)];
  const table = fused.needed(3);
  const length = g.op('Shape', [words], { start: 1, end: 2 });
  const parts = [
    g.op('Gather', [fused.needed(2), words]),
    positions ? g.op('Gather', [table, positions]) : g.op('Slice', [table, g.ints([0]), length, g.ints([0])]),
    ...(segments ? [g.op('Gather', [fused.needed(4), segments])] : []),
  ];
  const sum = parts.reduce((total, part) => g.add(total, part));
  const normalized = layerNormalization(fused, sum, fused.needed(5), fused.input(6));
  const lengths = mask
    ? g.op('ReduceSum', [g.cast(g.op('Equal', [mask, g.scalar(1, 'int32')]), 6), g.ints([1])], { keepdims: 0 })
    : g.op('ConstantOfShape', [g.op('Shape', [words], { end: 1 })], { value: Tensor.from('', 'int32', [1], [0]) });
  return [normalized, lengths, node.outputs[2] && g.op('Identity', [sum])];
}
