import type { Dim } from '../../ir/graph.js';
import type { GradientRow, Site } from './site.js';

/** Einsum: the gradient of an operand is an Einsum of the output's gradient and the other operands. */
export const einsum: Record<string, GradientRow> = {
  Einsum(site) {
    const terms = termsOf(site);
    const sizes = sizesOfLabels(site, terms);
    for (const [position, operand] of terms.operands.entries()) {
      if (!site.wants(position)) continue;
      refuseUnclear(site, operand, position, sizes);
      site.give(position, gradientOf(site, terms, position, sizes));
    }
  },
};

/** The labels of each operand and of the output, one letter per axis; axes of an ellipsis have letters of their own. */
interface Terms {
  operands: string[];
  output: string;
}

/** Splits an equation (ONNX Einsum; numpy.einsum). Without an arrow, the output has what occurs once, in alphabetic order. */
function termsOf(site: Site): Terms {
  const [left, right] = site.node.string('equation', '').replaceAll(' ', '').split('->') as [string, string?];
  const used = new Set(left.replaceAll(/[^A-Za-z]/g, ''));
  const free = [...LETTERS].filter((letter) => !used.has(letter));
  const terms = left.split(',');
  const position = terms.findIndex((term) => term.includes('...'));
  const rank = position < 0 ? 0 : site.rank(site.node.inputs[position]!) - (terms[position]!.length - 3);
  const expand = (term: string) => term.replace('...', free.slice(0, rank).join(''));
  const once = [...LETTERS].filter((letter) => left.split(letter).length === 2);
  return { operands: terms.map(expand), output: expand(right ?? `...${once.join('')}`) };
}

const LETTERS = 'abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ';

/** The size of each label where it is not broadcast. */
function sizesOfLabels(site: Site, { operands }: Terms): Map<string, Dim> {
  const sizes = new Map<string, Dim>();
  for (const [k, operand] of operands.entries()) {
    const dims = site.dims(site.node.inputs[k]!);
    for (const [axis, label] of [...operand].entries()) if ((sizes.get(label) ?? 1) === 1) sizes.set(label, dims[axis]);
  }
  return sizes;
}

function refuseUnclear(site: Site, labels: string, position: number, sizes: ReadonlyMap<string, Dim>): void {
  if (new Set(labels).size < labels.length) site.refuse('it takes a diagonal');
  const dims = site.dims(site.node.inputs[position]!);
  const named = site.node.string('equation', '');
  for (const [axis, label] of [...labels].entries())
    if (!named.includes(label) && typeof dims[axis] !== 'number' && (dims[axis] ?? NaN) !== sizes.get(label))
      site.refuse('its ellipsis may broadcast sizes that only the running graph knows');
}

/** The gradient of the output with the other operands; a scalar is no operand of Einsum. */
function product({ g }: Site, dy: Labeled, others: readonly Labeled[], to: string): string {
  const operands = dy.labels ? [dy, ...others] : others;
  const equation = `${operands.map(({ labels }) => labels).join(',')}->${to}`;
  if (!others.length && dy.labels === to) return dy.input;
  const value = g.op(
    'Einsum',
    operands.map(({ input }) => input),
    { equation },
  );
  return dy.labels ? value : g.mul(value, dy.input);
}

interface Labeled {
  labels: string;
  input: string;
}

/**
 * Labels that only this operand has were summed over: their gradient is the same everywhere. Labels along which it was
 * broadcast, by a size of 1, are summed over now.
 */
function gradientOf(
  site: Site,
  { operands, output }: Terms,
  position: number,
  sizes: ReadonlyMap<string, Dim>,
): string {
  const { g, node } = site;
  const name = node.inputs[position]!;
  const dims = site.dims(name);
  const others = operands.flatMap((labels, k) => (k === position ? [] : [{ labels, input: node.inputs[k]! }]));
  const labels = [...operands[position]!];
  const isCarried = (label: string, axis: number) =>
    !(dims[axis] === 1 && sizes.get(label) !== 1) &&
    (output.includes(label) || others.some((other) => carries(site, other, label)));
  const carried = labels.filter(isCarried);
  const gradient = product(site, { labels: output, input: site.dy }, others, carried.join(''));
  const missing = labels.flatMap((label, axis) => (isCarried(label, axis) ? [] : [axis]));
  if (!missing.length) return gradient;
  const column = g.op('Unsqueeze', [gradient, g.ints(missing)]);
  return missing.every((axis) => dims[axis] === 1) ? column : g.op('Expand', [column, site.shapeOf(name)]);
}

function carries(site: Site, other: Labeled, label: string): boolean {
  const axis = other.labels.indexOf(label);
  return axis >= 0 && site.dims(other.input)[axis] !== 1;
}
