import { broadcastPlace } from './elementwise.js';
import type { ChannelRow, ChannelSite, Place, ResizeSite } from './site.js';

/** Attention as one operator: whole heads go, of queries, keys, values and results alike. */
export const attention: Record<string, ChannelRow> = {
  Attention: { couple: coupleStandard, resize: (site) => resizeHeads(site, 'q_num_heads', 'kv_num_heads') },
  'com.microsoft.Attention': { couple: coupleProjected, resize: resizeProjected },
  'com.microsoft.MultiHeadAttention': { couple: coupleMultiHead, resize: (site) => resizeHeads(site, 'num_heads') },
  'com.microsoft.GroupQueryAttention': {
    couple: coupleGroupQuery,
    resize: (site) => resizeHeads(site, 'num_heads', 'kv_num_heads'),
  },
  RotaryEmbedding: { couple: (site) => coupleRotary(site, 1), resize: (site) => resizeHeads(site, 'num_heads') },
  'com.microsoft.RotaryEmbedding': {
    couple: (site) => coupleRotary(site, 2),
    resize: (site) => resizeHeads(site, 'num_heads'),
  },
};

/** Axes along which heads lie, by how many each has: those of queries, and those of keys and values. */
interface Heads {
  queries: Place[];
  keys: Place[];
  /** How many queries share a head of keys and values. */
  shared: number;
}

/** The head that an index of an axis of heads and widths belongs to. */
const headOf = (width: number) => (index: number) => Math.floor(index / width);

/** Heads of keys go with all queries that share them; or the queries that have the same place among those. */
function coupleHeads(site: ChannelSite, { queries, keys, shared }: Heads): void {
  const then = ([value, axis, at]: Place, of: (head: number) => number): Place => [
    value,
    axis,
    (index) => of(at ? at(index) : index),
  ];
  for (const [value, axis] of [...queries, ...keys]) site.heads(value, axis);
  const whole = () => site.join(...keys, ...queries.map((place) => then(place, (head) => Math.floor(head / shared))));
  const places = () => site.join(...queries.map((place) => then(place, (head) => head % shared)));
  if (shared === 1) whole();
  else site.choose([whole, places]);
}

/** A place where a value has as many indices as there are heads, and none where one index serves all of them. */
function perHead(site: ChannelSite, value: string | undefined, axis: number): Place[] {
  return value && site.dims(value)[axis] !== 1 ? [[value, axis]] : [];
}

/** Opset 23: Q [N, heads, S, E] or [N, S, heads·E], K and V likewise. */
function coupleStandard(site: ChannelSite): void {
  const { node, y } = site;
  const [q, k, v] = [site.x, site.input(1)!, site.input(2)!];
  const isSplit = site.rank(q) === 4;
  const [many, few] = isSplit
    ? [site.size(q, 1), site.size(k, 1)]
    : [node.int('q_num_heads', 1), node.int('kv_num_heads', 1)];
  const along = (value: string, heads: number): Place =>
    isSplit ? [value, 1] : [value, 2, headOf(site.size(value, 2) / heads)];
  const mask = site.input(3);
  coupleHeads(site, {
    queries: [
      ...[along(q, many), along(y, many), ...perHead(site, node.outputs[3], 1)],
      ...(mask ? broadcastPlace(site, mask, 1, 4) : []),
    ],
    keys: [along(k, few), along(v, few), ...cacheHeads(site, [4, 5], [1, 2])],
    shared: many / few,
  });
}

/** Keys and values of earlier steps, and those to be handed on: [N, heads, L, E]. */
function cacheHeads(site: ChannelSite, inputs: readonly number[], outputs: readonly number[]): Place[] {
  const values = [...inputs.map((k) => site.input(k)), ...outputs.map((k) => site.node.outputs[k])];
  return values.filter(Boolean).map((value): Place => [value!, 1]);
}

/** Widths of all queries, keys and values that com.microsoft.Attention projects to. */
function projectedSizes(site: Pick<ResizeSite, 'node'>, total: number): [number, number, number] {
  const given = site.node.ints('qkv_hidden_sizes');
  return (given as [number, number, number] | undefined) ?? [total / 3, total / 3, total / 3];
}

/** The head that an index of queries, keys and values side by side belongs to. */
function headOfProjected(sizes: readonly [number, number, number], heads: number): (index: number) => number {
  const [q, k, v] = sizes;
  return (index) => {
    if (index < q) return headOf(q / heads)(index);
    return index < q + k ? headOf(k / heads)(index - q) : headOf(v / heads)(index - q - k);
  };
}

/** com.microsoft.Attention: X [N, S, D] times W [D, Q + K + V] plus a bias, then attention. */
function coupleProjected(site: ChannelSite): void {
  const { x, y, node } = site;
  const weight = site.input(1) ?? site.refuse('its queries are projected elsewhere');
  const heads = node.int('num_heads', 1);
  const sizes = projectedSizes(site, site.size(weight, 1));
  const made: Place = [y, 2, headOf(sizes[2] / heads)];
  const projected = headOfProjected(sizes, heads);
  const [bias, past, added] = [site.input(2), site.input(4), site.input(5)];
  site.contract([x, 2], [weight, 0]);
  site.produce([weight, 1, projected], made);
  if (bias) site.join([bias, 0, projected], made);
  for (const cache of [past, node.outputs[1]]) if (cache) site.join([cache, 2], made);
  for (const place of perHead(site, added, 1)) site.join(place, made);
  site.heads(y, 2);
}

function resizeProjected(site: ResizeSite): void {
  const { node } = site;
  const [weight, y] = [site.input(1)!, node.outputs[0]!];
  const left = site.left(y, 2);
  if (!left) return;
  const heads = node.int('num_heads', 1);
  const sizes = projectedSizes(site, site.before(weight)[1] as number);
  const now = left.length / (sizes[2] / heads);
  node.set('num_heads', now);
  if (node.attributes.has('qkv_hidden_sizes'))
    node.set(
      'qkv_hidden_sizes',
      sizes.map((size) => (size / heads) * now),
    );
}

/** com.microsoft.MultiHeadAttention: Q [N, S, D], K and V [N, L, D] or [N, heads, L, E], or packed behind the heads. */
function coupleMultiHead(site: ChannelSite): void {
  const { node, y } = site;
  const heads = node.int('num_heads', 1);
  const [bias, added] = [site.input(3), site.input(5)];
  if (site.input(9)) site.refuse('it follows several beams');
  const operands = [site.x, site.input(1), site.input(2)].filter((value) => value !== undefined);
  const places = operands.map((value): Place => {
    const rank = site.rank(value);
    return rank === 3 ? [value, 2, headOf(site.size(value, 2) / heads)] : [value, rank === 5 ? 2 : 1];
  });
  const made: Place = [y, 2, headOf(site.size(y, 2) / heads)];
  if (bias) {
    const width = (site.size(bias, 0) - site.size(y, 2)) / 2;
    places.push([bias, 0, headOfProjected([width, width, site.size(y, 2)], heads)]);
  }
  const keys = [...places, made, ...perHead(site, added, 1), ...cacheHeads(site, [6, 7], [1, 2])];
  coupleHeads(site, { queries: [], keys, shared: 1 });
}

/** com.microsoft.GroupQueryAttention: Q [N, S, heads·E], K and V [N, S, fewer·E]. */
function coupleGroupQuery(site: ChannelSite): void {
  const { node, x, y } = site;
  const [many, few] = [node.int('num_heads', 1), node.int('kv_num_heads', 1)];
  const [k, v] = [site.input(1), site.input(2)];
  if (!k || !v) site.refuse('queries, keys and values are packed');
  const width = site.size(x, 2) / many;
  const sinks = site.input(11);
  coupleHeads(site, {
    queries: [
      ...[x, y].map((value): Place => [value, 2, headOf(width)]),
      ...[...perHead(site, site.input(10), 1), ...(sinks ? [[sinks, 0] as const] : [])],
    ],
    keys: [...[k, v].map((value): Place => [value, 2, headOf(width)]), ...cacheHeads(site, [3, 4], [1, 2])],
    shared: many / few,
  });
}

/** X [N, heads, S, E] or [N, S, heads·E]: every head is turned alike. @param cosines position of their table [… E / 2] */
function coupleRotary(site: ChannelSite, cosines: number): void {
  const { x, y, node } = site;
  const isSplit = site.rank(x) === 4;
  const table = site.input(cosines)!;
  const heads =
    node.int('num_heads', 0) || (isSplit ? 1 : site.size(x, 2) / 2 / site.size(table, site.rank(table) - 1));
  const along = (value: string): Place => (isSplit ? [value, 1] : [value, 2, headOf(site.size(x, 2) / heads)]);
  coupleHeads(site, { queries: [], keys: [along(x), along(y)], shared: 1 });
}

/** The axis of heads, or of heads and widths, of values of so many axes. */
const HEAD_AXES: Readonly<Record<number, number>> = { 3: 2, 4: 1, 5: 2 };

/** Sets the numbers of heads that are left, of queries and, under another name, of keys. */
function resizeHeads(site: ResizeSite, queries: string, keys?: string): void {
  for (const [name, value] of [
    [queries, site.input(0)!],
    [keys, site.input(1)],
  ] as const) {
    const heads = name && site.node.int(name);
    const axis = value && HEAD_AXES[site.before(value).length];
    if (!heads || !axis) continue;
    site.node.set(name, ((site.after(value)[axis] as number) * heads) / (site.before(value)[axis] as number));
  }
}
