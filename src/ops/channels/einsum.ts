import type { ChannelRow, ChannelSite, Place } from './site.js';

/** Sums of products by subscripts: one that the output has runs along it, others are summed over. */
export const einsum: Record<string, ChannelRow> = { Einsum: { couple } };

function couple(site: ChannelSite): void {
  const { node, y } = site;
  const [left, right] = node.string('equation', '').replace(/\s/g, '').split('->') as [string, string?];
  const terms = left.split(',').map((term, k) => subscripts(term, site.rank(node.inputs[k]!)));
  const result = right === undefined ? impliedBy(terms) : subscripts(right, site.rank(y));
  for (const subscript of new Set(terms.flat())) {
    const places = terms.flatMap((term, k) => placesOf(site, node.inputs[k]!, term, subscript));
    const [made] = placesOf(site, y, result, subscript);
    if (made) coupleKept(site, places, made);
    else if (places.length === 2) site.contract(places[0]!, places[1]!);
    else if (places.length === 1) site.sum(places[0]!);
  }
}

/** One subscript per axis; those of an ellipsis are counted from its end. */
function subscripts(term: string, rank: number): string[] {
  const [before, behind] = term.split('...') as [string, string?];
  if (behind === undefined) return [...before];
  const hidden = rank - before.length - behind.length;
  return [...before, ...Array.from({ length: hidden }, (_, k) => `...${hidden - k}`), ...behind];
}

/** Without an arrow the output has an ellipsis, then every subscript that occurs once, by the alphabet. */
function impliedBy(terms: readonly (readonly string[])[]): string[] {
  const all = terms.flat();
  const hidden = [...new Set(all.filter((one) => one.startsWith('...')))].sort().reverse();
  const once = all.filter((one) => one.length === 1 && all.indexOf(one) === all.lastIndexOf(one));
  return [...hidden, ...once.sort()];
}

/** Where a value bears a subscript. Axes of length 1 are broadcast; a diagonal can't be followed. */
function placesOf(site: ChannelSite, value: string, term: readonly string[], subscript: string): Place[] {
  const axis = term.indexOf(subscript);
  if (axis !== term.lastIndexOf(subscript)) site.refuse('it takes a diagonal');
  return axis < 0 || site.dims(value)[axis] === 1 ? [] : [[value, axis]];
}

function coupleKept(site: ChannelSite, places: readonly Place[], made: Place): void {
  if (places.length === 1) site.produce(places[0]!, made);
  else {
    site.join(...places, made);
    site.heads(made[0], made[1]);
  }
}
