import type { Fused, UnfuseRow } from './fused.js';

/** Scaled dot-product attention (Vaswani et al. 2017) in its fused forms, and rotary positions. */
export const attention: Record<string, UnfuseRow> = {
  'com.microsoft.Attention': selfAttention,
  'com.microsoft.MultiHeadAttention': multiHeadAttention,
  'com.microsoft.RotaryEmbedding': rotaryEmbedding,
};

/** Queries, keys and values come from one product with weights that lie side by side. */
function selfAttention(fused: Fused): readonly string[] {
  const { g, node } = fused;
  fused.excludes({ 4: 'past keys and values', 6: 'past keys and values' });
  if (node.int('do_rotary', 0)) fused.refuse('rotary positions inside it');
  const weights = fused.needed(1);
  const width = fused.size(weights, -1);
  const sizes = node.ints('qkv_hidden_sizes') ?? [width / 3, width / 3, width / 3];
  const mask = maskOf(fused, 3);
  const product = g.op('MatMul', [fused.x, weights]);
  const projected = fused.input(2) ? g.add(product, fused.needed(2)) : product;
  const [query, key, value] = g.ops('Split', [projected, g.ints(sizes)], { axis: -1 }, 3) as [string, string, string];
  return [attend(fused, { query, key, value, width: sizes[0]!, mask: mask?.(query, key), bias: fused.input(5) })];
}

function multiHeadAttention(fused: Fused): readonly string[] {
  const { g, x } = fused;
  fused.excludes({ 6: 'past keys', 7: 'past values', 8: 'past keys and values', 9: 'a cache with several branches' });
  const names = [x, fused.needed(1), fused.needed(2)] as const;
  if (names.some((name) => fused.dims(name).length !== 3))
    fused.refuse('keys or values that are packed or split in heads');
  const width = fused.size(x, -1);
  const mask = maskOf(fused, 4);
  const bias = fused.input(3);
  const ends = [0, width, 2 * width, Number.MAX_SAFE_INTEGER];
  const [query, key, value] = names.map((name, k) =>
    bias ? g.add(name, fused.slice(bias, ends[k]!, ends[k + 1]!)) : name,
  ) as [string, string, string];
  return [attend(fused, { query, key, value, width, mask: mask?.(query, key), bias: fused.input(5) })];
}

interface Heads {
  /** `[batch, length, width]` each, heads side by side. */
  query: string;
  key: string;
  value: string;
  /** Size of the queries over all heads. */
  width: number;
  /** Added to the scores. */
  mask: string | undefined;
  bias: string | undefined;
}

function attend(fused: Fused, { query, key, value, width, mask, bias }: Heads): string {
  const { g, node } = fused;
  const heads = node.int('num_heads') ?? fused.refuse('it has no num_heads');
  const split = (whole: string, perm: readonly number[]) => g.transpose(g.reshape(whole, [0, 0, heads, -1]), perm);
  const scale = node.float('scale', 0) || 1 / Math.sqrt(width / heads);
  const scores = g.op('MatMul', [g.mul(split(query, [0, 2, 1, 3]), scale), split(key, [0, 2, 3, 1])]);
  const terms = [mask, bias, node.int('unidirectional', 0) ? causalMask(fused, query, key) : undefined];
  const masked = terms.reduce<string>((sum, term) => (term ? g.add(sum, term) : sum), scores);
  const mixed = g.op('MatMul', [g.op('Softmax', [masked], { axis: -1 }), split(value, [0, 2, 1, 3])]);
  return g.reshape(g.transpose(mixed, [0, 2, 1, 3]), [0, 0, -1]);
}

const lengthOf = ({ g }: Fused, value: string): string => g.op('Shape', [value], { start: 1, end: 2 });

/** The filter value above the diagonal. */
function causalMask(fused: Fused, query: string, key: string): string {
  const { g } = fused;
  const shape = g.op('Concat', [lengthOf(fused, query), lengthOf(fused, key)], { axis: 0 });
  const full = g.op('Expand', [filterValue(fused), shape]);
  return g.op('Trilu', [full, g.scalar(1, 'int64')], { upper: 1 });
}

const filterValue = ({ node }: Fused): number => node.float('mask_filter_value', -10000);

/** What an input that masks keys adds to the scores, once queries and keys are known. */
function maskOf(fused: Fused, position: number): ((query: string, key: string) => string) | undefined {
  const { g } = fused;
  const mask = fused.input(position);
  if (!mask) return undefined;
  const rank = fused.dims(mask).length;
  const filter = (isKept: string) => g.mul(g.sub(1, isKept), filterValue(fused));
  // Ones and zeros: [batch, keys] or [batch, queries, keys].
  if (rank === 2) return () => filter(g.op('Unsqueeze', [g.cast(mask, 1), g.ints([1, 2])]));
  if (rank === 3) return () => filter(g.op('Unsqueeze', [g.cast(mask, 1), g.ints([1])]));
  if (rank !== 1) return fused.refuse('a mask with four axes');
  const batch = fused.dims(fused.x)[0];
  if (batch === undefined || fused.dims(mask)[0] !== batch)
    fused.refuse('a mask of positions that is not one length per sample');
  // One number of keys per sample.
  return (_, key) => {
    const counted = g.op('Range', [g.scalar(0, 'int64'), scalar(fused, lengthOf(fused, key)), g.scalar(1, 'int64')]);
    const isKept = g.op('Less', [counted, g.op('Unsqueeze', [g.cast(mask, 7), g.ints([1])])]);
    return filter(g.op('Unsqueeze', [g.cast(isKept, 1), g.ints([1, 2])]));
  };
}

const scalar = ({ g }: Fused, vector: string): string => g.op('Squeeze', [vector, g.ints([0])]);

/** Turns pairs of elements by angles that grow with the position (Su et al. 2021, RoFormer). */
function rotaryEmbedding(fused: Fused): readonly string[] {
  const { g, node, x } = fused;
  if (node.int('is_packed_batching', 0)) fused.refuse('packed batches');
  const rank = fused.dims(x).length;
  const half = fused.size(fused.needed(2), -1);
  const heads = node.int('num_heads', 0);
  const isPartial = node.int('rotary_embedding_dim', 0) > 0;
  if (isPartial && rank === 3 && !heads) fused.refuse('it has no num_heads');
  const headSize = rank === 4 ? fused.size(x, -1) : isPartial ? fused.size(x, -1) / heads : 2 * half;
  const split = rank === 4 ? x : g.reshape(x, [0, 0, -1, headSize]);
  const rotated = rotate(fused, headSize === 2 * half ? split : fused.slice(split, 0, 2 * half), {
    half,
    ...angles(fused, rank),
  });
  const whole =
    headSize === 2 * half ? rotated : g.op('Concat', [rotated, fused.slice(split, 2 * half, headSize)], { axis: -1 });
  return [rank === 4 ? whole : g.reshape(whole, g.shape(x))];
}

/** Cosines and sines of each position, so that they broadcast over heads: `[batch, length, heads, size]` or, for rank 4, `[batch, heads, length, size]`. */
function angles(fused: Fused, rank: number): { cos: string; sin: string } {
  const { g, x } = fused;
  const given = fused.needed(1);
  const isOffset = fused.dims(given).length === 1;
  const length = () => scalar(fused, g.op('Shape', [x], rank === 4 ? { start: 2, end: 3 } : { start: 1, end: 2 }));
  const positions = isOffset
    ? g.add(given, g.op('Range', [g.scalar(0, 'int64'), length(), g.scalar(1, 'int64')]))
    : given;
  const headAxis = (rank === 4 ? 1 : 2) - Number(isOffset);
  const look = (table: string) => g.op('Unsqueeze', [g.op('Gather', [table, positions]), g.ints([headAxis])]);
  return { cos: look(fused.needed(2)), sin: look(fused.needed(3)) };
}

function rotate(fused: Fused, value: string, { half, cos, sin }: { half: number; cos: string; sin: string }): string {
  const { g } = fused;
  const isInterleaved = fused.node.int('interleaved', 0) === 1;
  const [a, b] = isInterleaved
    ? [fused.slice(value, 0, 2 * half, -1, 2), fused.slice(value, 1, 2 * half, -1, 2)]
    : [fused.slice(value, 0, half), fused.slice(value, half, 2 * half)];
  const turned = [g.sub(g.mul(a, cos), g.mul(b, sin)), g.add(g.mul(b, cos), g.mul(a, sin))];
  if (!isInterleaved) return g.op('Concat', turned, { axis: -1 });
  const columns = turned.map((part) => g.op('Unsqueeze', [part, g.ints([-1])]));
  return g.reshape(g.op('Concat', columns, { axis: -1 }), g.shape(value));
}
