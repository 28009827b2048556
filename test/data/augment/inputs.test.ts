import { describe, expect, it } from 'vitest';
import { parseAugmentations } from '../../../src/data/augment/parse.js';
import type { TokenForm } from '../../../src/data/types.js';
import type { NamedValues, TensorValue } from '../../../src/ir/types.js';
import { type Random, seededRandom } from '../../../src/random.js';

const FORM: TokenForm = {
  kind: 'tokens',
  ids: 'ids',
  positions: 'positions',
  specials: new Set([1, 2]),
  mask: 7,
  unknown: 8,
};

const int64 = (...values: number[]): TensorValue => ({
  type: 'int64',
  dims: [values.length],
  data: BigInt64Array.from(values, BigInt),
});
const stream = (...numbers: number[]): Random => {
  let at = 0;
  return () => numbers[at++ % numbers.length]!;
};

function drop(text: string, inputs: NamedValues, random: Random, form: TokenForm = FORM): NamedValues {
  const { list } = parseAugmentations(text, { dataset: { kind: 'text' }, preprocessor: { form } });
  return list.reduce((made, each) => (each.on === 'inputs' ? each.apply(made, random) : made), inputs);
}

describe('dropout of tokens', () => {
  const inputs = { ids: int64(1, 30, 40, 50, 2), mask: int64(1, 1, 1, 1, 1), positions: int64(0, 1, 2, 3, 4) };

  it.each([
    ['dropout=0.5', FORM, 7],
    ['dropout=0.5', { ...FORM, mask: undefined }, 8],
    ['dropout=0.5:unknown', FORM, 8],
  ])('%s replaces tokens, but never special ones', (text, form, replacement) => {
    const dropped = drop(text, inputs, stream(0.4, 0.6, 0.4), form);
    expect(dropped).toEqual({ ...inputs, ids: int64(1, replacement, 40, replacement, 2) });
    expect(inputs.ids).toEqual(int64(1, 30, 40, 50, 2));
  });

  it('removes them from every input, and counts anew', () => {
    expect(drop('dropout=0.5:remove', inputs, stream(0.6, 0.4, 0.6))).toEqual({
      ids: int64(1, 30, 50, 2),
      mask: int64(1, 1, 1, 1),
      positions: int64(0, 1, 2, 3),
    });
    const without = { ...FORM, mask: undefined, unknown: undefined };
    expect(drop('dropout=0.5', inputs, stream(0.6, 0.4, 0.6), without).ids).toEqual(int64(1, 30, 50, 2));
  });

  it('does not remove all that is said', () => {
    expect(drop('dropout=0.5:remove', inputs, stream(0))).toBe(inputs);
  });

  it('drops as many as asked for', () => {
    const long = { ids: int64(...new Array(10_000).fill(30)) };
    const dropped = drop('dropout=0.05', long, seededRandom(1)).ids!.data as BigInt64Array;
    expect(dropped.filter((id) => id === 7n).length / 10_000).toBeCloseTo(0.05, 2);
  });

  it('says where the tokenizer lacks the token, and that texts without tokens cannot be changed', () => {
    expect(() => drop('dropout=0.1:mask', inputs, stream(0), { ...FORM, mask: undefined })).toThrow(
      "--augment: dropout: the tokenizer names no mask token; leave 'dropout' out",
    );
    const strings = { dataset: { kind: 'text' as const }, preprocessor: {} };
    expect(() => parseAugmentations('dropout', strings)).toThrow('the model takes no tokens');
    expect(parseAugmentations('auto', strings).list).toEqual([]);
  });
});

describe('noise on arrays', () => {
  it('is a share of the standard deviation of float inputs; others stay', () => {
    const { list } = parseAugmentations('noise=0.1', { dataset: { kind: 'arrays' }, preprocessor: {} });
    const data = Float32Array.from({ length: 10_000 }, (_, n) => 100 + (n % 2 === 0 ? 5 : -5));
    const inputs: NamedValues = { x: { type: 'float32', dims: [10_000], data }, n: int64(3) };
    const [noise] = list;
    const noisy = noise!.on === 'inputs' ? noise!.apply(inputs, seededRandom(2)) : inputs;
    const added = (noisy.x!.data as Float32Array).map((value, at) => value - data[at]!);
    const mean = added.reduce((sum, value) => sum + value, 0) / added.length;
    expect(mean).toBeCloseTo(0, 1);
    expect(Math.sqrt(added.reduce((sum, value) => sum + value ** 2, 0) / added.length)).toBeCloseTo(0.5, 1);
    expect(noisy.n).toBe(inputs.n);
  });
});
