import { describe, expect, test } from 'vitest';
import type { NamedValues } from '../../../src/ir/types.js';
import { checkGradient, gradientsOf, graphOf, int64s, randomFloats } from './check-gradient.js';

/**
 * Checks statements that make y from x, with the sizes of x given and with all of them unknown.
 * @param rank that of y.
 */
async function check(x: readonly number[], rank: number, statements: string, more: NamedValues = {}, opset = 18) {
  const inputs = Object.entries(more).map(
    ([name, { type, dims }]) => `${type === 'int64' ? type : 'float'}[${dims}] ${name}`,
  );
  const y = Array.from({ length: rank }, (_, k) => `y${k}`);
  for (const dims of [x, x.map((_, k) => `x${k}`)]) {
    const text = `f (${[`float[${dims}] x`, ...inputs]}) => (float[${y}] y) { ${statements} }`;
    await checkGradient(graphOf(text, opset), { x: randomFloats(x), ...more });
  }
}

const ints = (...values: number[]) => `Constant<value = int64[${values.length}] {${values}}>()`;

describe('shape operators', () => {
  test.each([
    ['Reshape', [2, 6], 3, `s = ${ints(3, 2, 2)} y = Reshape(x, s)`],
    ['Reshape with 0 and -1', [2, 3, 4], 2, `s = ${ints(0, -1)} y = Reshape(x, s)`],
    ['Flatten', [2, 3, 2], 2, 'y = Flatten<axis = -1>(x)'],
    ['Squeeze', [1, 3, 1, 2], 2, `s = ${ints(0, -2)} y = Squeeze(x, s)`],
    ['Unsqueeze', [3, 2], 4, `s = ${ints(-1, 0)} y = Unsqueeze(x, s)`],
    ['Transpose', [2, 3, 4], 3, 'y = Transpose<perm = [2, 0, 1]>(x)'],
    ['Transpose without perm', [2, 3, 4], 3, 'y = Transpose(x)'],
    ['Expand', [3, 1], 3, `s = ${ints(2, 1, 4)} y = Expand(x, s)`],
    ['Tile', [2, 3], 2, `r = ${ints(3, 2)} y = Tile(x, r)`],
    ['Tile one axis', [2, 1, 3], 3, `r = ${ints(1, 4, 1)} y = Tile(x, r)`],
    ['DepthToSpace', [2, 8, 2, 3], 4, 'y = DepthToSpace<blocksize = 2>(x)'],
    ['DepthToSpace CRD', [2, 8, 2, 3], 4, 'y = DepthToSpace<blocksize = 2, mode = "CRD">(x)'],
    ['SpaceToDepth', [2, 3, 4, 6], 4, 'y = SpaceToDepth<blocksize = 2>(x)'],
    ['Trilu', [2, 3, 4], 3, `k = Constant<value = int64 {1}>() y = Trilu(x, k)`],
    ['Trilu lower', [3, 3], 2, 'y = Trilu<upper = 0>(x)'],
    ['ReverseSequence', [4, 3], 2, `n = ${ints(1, 4, 2)} y = ReverseSequence(x, n)`],
    [
      'ReverseSequence, batch first',
      [2, 4, 2],
      3,
      `n = ${ints(3, 2)} y = ReverseSequence<batch_axis = 0, time_axis = 1>(x, n)`,
    ],
  ] as [string, number[], number, string][])('%s', (_, x, rank, statements) => check(x, rank, statements));

  test('shapes that are fed', async () => {
    await check([2, 6], 3, 'y = Reshape(x, s)', { s: int64s([3], [3, -1, 2]) });
    await check([3, 1], 3, 'y = Expand(x, s)', { s: int64s([3], [2, 1, 4]) });
    await check([2, 3], 2, 'y = Tile(x, s)', { s: int64s([2], [2, 3]) });
  });
});

describe('Split and Concat', () => {
  test.each([
    ['num_outputs', 'a, b, c = Split<axis = 1, num_outputs = 3>(x)'],
    ['num_outputs that do not divide', 'a, b, c = Split<axis = -2, num_outputs = 3>(x)'],
    ['sizes', `s = ${ints(1, 3, 2)} a, b, c = Split<axis = 1>(x, s)`],
  ])('Split: %s', async (_, split) => {
    const x = [2, split.includes('-2') ? 5 : 6, 2];
    const output = 'e = Mul(c, c) y = Concat<axis = 1>(e, a)';
    await check(x, 3, `${split} ${output}`);
  });

  test('Split with sizes that are fed', () =>
    check([6], 1, 'a, b = Split(x, s) y = Neg(b)', { s: int64s([2], [2, 4]) }));

  test('Concat of three', async () => {
    const more = { a: randomFloats([2, 1, 2], 2), b: randomFloats([2, 2, 2], 3) };
    await check([2, 3, 2], 3, 'y = Concat<axis = -2>(a, x, b)', more);
    await check([2, 3, 2], 3, 'y = Concat<axis = 1>(x, a, x)', more);
  });

  test('Concat where only some inputs are trained', async () => {
    const model = graphOf('f (float[n] a, float[m] b, float[k] c) => (float[y] y) { y = Concat<axis = 0>(a, b, c) }');
    const feeds = { a: randomFloats([2], 1), b: randomFloats([3], 2), c: randomFloats([1], 3) };
    await checkGradient(model, feeds, { by: ['b'] });
    await checkGradient(model, feeds, { by: ['c'] });
    expect(Object.keys(await gradientsOf(model, feeds, { by: ['b'] }))).toEqual(['b']);
  });
});

describe('Slice', () => {
  const HUGE = 9223372036854775807n;
  test.each([
    ['both axes', `s = ${ints(1, 2)} e = ${ints(3, 5)} y = Slice(x, s, e)`],
    ['a huge end', `s = ${ints(2)} e = Constant<value = int64[1] {${HUGE}}>() a = ${ints(1)} y = Slice(x, s, e, a)`],
    ['negative start and axis', `s = ${ints(-2)} e = ${ints(-1)} a = ${ints(-1)} y = Slice(x, s, e, a)`],
    ['a start before the first', `s = ${ints(-100)} e = ${ints(2)} y = Slice(x, s, e)`],
    ['steps', `s = ${ints(1, 0)} e = ${ints(100, 100)} a = ${ints(1, 0)} t = ${ints(3, 2)} y = Slice(x, s, e, a, t)`],
    [
      'everything, backwards',
      `s = ${ints(-1)} e = ${ints(-1000)} a = ${ints(1)} t = ${ints(-1)} y = Slice(x, s, e, a, t)`,
    ],
    [
      'steps backwards',
      `s = ${ints(5, 100)} e = ${ints(0, -100)} a = ${ints(1, 0)} t = ${ints(-2, -3)} y = Slice(x, s, e, a, t)`,
    ],
  ])('%s', (_, statements) => check([4, 7], 2, statements));

  test('nothing is taken', () =>
    check([4, 7], 2, `s = ${ints(3)} e = ${ints(1)} y0 = Slice(x, s, e) z = Concat<axis = 0>(y0, x) y = Neg(z)`));

  test('bounds that are fed', async () => {
    const bounds = { s: int64s([2], [-3, 1]), e: int64s([2], [100, 5]) };
    await check([4, 7], 2, 'y = Slice(x, s, e)', bounds);
    await check([4, 7], 2, `a = ${ints(0, 1)} t = ${ints(2, 3)} y = Slice(x, s, e, a, t)`, bounds);
    await check([4, 7], 2, `a = ${ints(1, 0)} t = ${ints(-1, -2)} y = Slice(x, e, s, a, t)`, bounds);
  });

  test('axes and steps that are fed', () =>
    check([4, 7], 2, 'y = Slice(x, s, e, a, t)', {
      s: int64s([2], [5, 0]),
      e: int64s([2], [-100, 4]),
      a: int64s([2], [-1, 0]),
      t: int64s([2], [-2, 2]),
    }));
});

describe('Pad', () => {
  test.each([
    ['zeros', `p = ${ints(1, 0, 2, 3)} y = Pad(x, p)`],
    ['rows taken away', `p = ${ints(-1, 2, 0, -2)} y = Pad(x, p)`],
    ['some axes', `p = ${ints(2, 1)} a = ${ints(-1)} y = Pad(x, p, , a)`],
    ['reflect', `p = ${ints(2, 3, 1, 2)} y = Pad<mode = "reflect">(x, p)`],
    ['edge', `p = ${ints(2, 0, 1, 2)} y = Pad<mode = "edge">(x, p)`],
    ['reflect along an axis', `p = ${ints(2, 1)} a = ${ints(0)} y = Pad<mode = "reflect">(x, p, , a)`],
  ])('%s', (_, statements) => check([4, 5], 2, statements));

  test('wrap', () => check([4, 5], 2, `p = ${ints(2, 0, 1, 2)} y = Pad<mode = "wrap">(x, p)`, {}, 19));
  test('reflect on an image', () =>
    check([2, 2, 4, 3], 4, `p = ${ints(0, 0, 1, 2, 0, 0, 2, 1)} y = Pad<mode = "reflect">(x, p)`));
  test('pads that are fed', async () => {
    const p = int64s([4], [1, 0, 2, 3]);
    await check([4, 5], 2, 'y = Pad(x, p)', { p });
    await check([4, 5], 2, 'y = Pad<mode = "edge">(x, p)', { p });
  });
  test('the value that is put in', async () => {
    const model = graphOf(`f (float[2,3] x, float v) => (float[a,b] y) { p = ${ints(1, -1, 0, 2)} y = Pad(x, p, v) }`);
    await checkGradient(model, { x: randomFloats([2, 3]), v: randomFloats([], 2) });
  });
});
