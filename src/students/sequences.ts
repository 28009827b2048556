import { DATA_TYPES } from '../ir/types.js';
import { arranged } from './arrange.js';
import type { GridInput, StudentInput, TokenInput } from './input.js';
import type { Features, Layers } from './layers.js';

/** A row of features per moment, `[N, T, width]`, and which moments are real. */
export interface Sequence extends Features {
  /** 1 for real moments and 0 for padding, `[N, T, 1]`; absent where there is no padding. */
  mask: string | undefined;
}

/** Moments that a sequence is cut down to before it is gone through step by step. */
const LONG = 128;

/**
 * An input as a sequence: embeddings of tokens, or normalized features of moments, several of which become one where
 * there are many. Padding ends up on the right.
 */
export function sequenceOf(layers: Layers, input: StudentInput, width: number): Sequence {
  return input.kind === 'tokens' ? embedded(layers, input, width) : normalized(layers, input, width);
}

function embedded(layers: Layers, input: TokenInput, width: number): Sequence {
  const { g } = layers;
  const ids = fromLeft(layers, input, asIndices(layers, input.ids));
  const table = layers.within('embedding').weight('weight', [input.vocabulary, width], EMBEDDING);
  const mask = g.op('Unsqueeze', [realTokens(layers, input, ids), g.ints([2])]);
  return { value: g.mul(g.op('Gather', [table, ids]), mask), width, mask };
}

/** Standard deviation of embeddings. */
const EMBEDDING = 0.5;

/** Ids as Gather takes them. */
function asIndices({ g }: Layers, { name, type }: TokenInput['ids']): string {
  return type === 'int64' || type === 'int32' ? name : g.cast(name, DATA_TYPES.int64.code);
}

/** 1 for tokens and 0 for padding, `[N, T]` in float32. */
function realTokens(layers: Layers, input: TokenInput, ids: string): string {
  const { g } = layers;
  const { float32, int64 } = DATA_TYPES;
  if (input.mask)
    return fromLeft(
      layers,
      input,
      input.mask.type === 'float32' ? input.mask.name : g.cast(input.mask.name, float32.code),
    );
  const padding = g.constantOf('int64', [], [input.padding.id]);
  return g.cast(g.op('Not', [g.op('Equal', [g.cast(ids, int64.code), padding])]), float32.code);
}

/** Turns texts that are padded on the left round, so that padding comes last; either direction tells as much. */
function fromLeft({ g }: Layers, { padding }: TokenInput, value: string): string {
  if (padding.side === 'right') return value;
  const [start, end, axes, steps] = [[-1], [-(2 ** 31)], [1], [-1]].map((one) => g.ints(one));
  return g.op('Slice', [value, start, end, axes, steps]);
}

function normalized(layers: Layers, input: GridInput, width: number): Sequence {
  const { T = 1, F = 1 } = input.sizes;
  const value = arranged(layers.g, input, 'NFT');
  const x = layers.within('input').batchNorm({ value, width: F });
  const stride = Math.ceil(T / LONG);
  const joined = stride > 1 ? shortened(layers.within('shorten'), x, width, stride) : x;
  return { value: layers.g.transpose(joined.value, [0, 2, 1]), width: joined.width, mask: undefined };
}

function shortened(layers: Layers, x: Features, outputs: number, stride: number): Features {
  return layers.convolve(x, { outputs, kernel: [2 * stride + 1], strides: [stride] });
}

/** The largest value that each feature takes on real moments (Conneau et al. 2017). */
export function largest({ g }: Layers, { value, width, mask }: Sequence): Features {
  const shown = mask === undefined ? value : g.where(g.cast(mask, DATA_TYPES.bool.code), value, LOWEST);
  return { value: g.op('ReduceMax', [shown, g.ints([1])], { keepdims: 0 }), width };
}

/** Below what any feature is, and small enough for half precision. */
const LOWEST = -1e4;

/** The mean of each feature over real moments. */
export function averaged({ g }: Layers, { value, width, mask }: Sequence): Features {
  if (mask === undefined) return { value: g.op('ReduceMean', [value, g.ints([1])], { keepdims: 0 }), width };
  const total = g.sum(g.mul(value, mask), [1], false);
  const count = g.op('Max', [g.sum(mask, [1], false), 1]);
  return { value: g.div(total, count), width };
}
