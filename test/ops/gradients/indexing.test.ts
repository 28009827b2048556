import { describe, expect, test } from 'vitest';
import type { NamedValues } from '../../../src/ir/types.js';
import { checkGradient, floats, gradientsOf, graphOf, int64s, randomFloats } from './check-gradient.js';

/** Checks `y = call` by its float inputs, with their sizes given and with all but the last unknown. */
async function check(feeds: NamedValues, rank: number, call: string) {
  const y = Array.from({ length: rank }, (_, k) => `y${k}`);
  for (const isFixed of [true, false]) {
    const inputs = Object.entries(feeds).map(([name, { type, dims }]) => {
      const sizes = dims.map((size, k) => (isFixed || k === dims.length - 1 ? size : `${name}${k}`));
      return `${type === 'float32' ? 'float' : type}${dims.length ? `[${sizes}]` : ''} ${name}`;
    });
    await checkGradient(graphOf(`f (${inputs}) => (float[${y}] y) { ${call} }`), feeds);
  }
}

const ints = (dims: readonly number[], ...values: number[]) => `Constant<value = int64[${dims}] {${values}}>()`;

describe('Gather', () => {
  test('rows of an embedding, some of them twice, some counted from the end', () =>
    check({ x: randomFloats([5, 3]), i: int64s([2, 3], [0, 4, 4, -1, 2, 0]) }, 3, 'y = Gather(x, i)'));
  test('the gradients of an index that occurs twice are added', async () => {
    const model = graphOf('f (float[3,1] x, int64[3] i) => (float[3,1] y) { y = Gather(x, i) }');
    const feeds = { x: randomFloats([3, 1]), i: int64s([3], [2, 0, 2]) };
    const { x } = await gradientsOf(model, feeds);
    const [a, b, c] = randomFloats([3], 7).data as Float32Array;
    expect([...(x!.data as Float32Array)]).toEqual([b!, 0, Math.fround(a! + c!)]);
  });
  test.each([
    ['axis 1', [2, 4, 3], [3], [3, 1, -3], 1],
    ['axis 1, a matrix of indices', [2, 4, 3], [2, 2], [3, 1, 1, 0], 1],
    ['axis 2 of four', [2, 2, 3, 2], [2], [2, 0], 2],
    ['the last axis', [2, 3, 4], [3], [0, 0, -1], -1],
    ['a scalar index', [2, 3, 4], [], [1], 1],
    ['a scalar index of axis 0', [3, 4], [], [-1], 0],
  ] as [string, number[], number[], number[], number][])('%s', async (_, x, dims, values, axis) => {
    const rank = x.length + dims.length - 1;
    await check({ x: randomFloats(x), i: int64s(dims, values) }, rank, `y = Gather<axis = ${axis}>(x, i)`);
    const constant = dims.length ? ints(dims, ...values) : `Constant<value = int64 {${values}}>()`;
    await check({ x: randomFloats(x) }, rank, `i = ${constant} y = Gather<axis = ${axis}>(x, i)`);
  });
  test.each([
    [[2], [1, 2]],
    [
      [2, 2],
      [0, 1, 2, 3],
    ],
    [[3], [-3, -2, -1]],
    [[2], [-1, 0]],
  ])('constant neighbours %j %j', (dims, values) =>
    check({ x: randomFloats([2, 4, 2]) }, dims.length + 2, `i = ${ints(dims, ...values)} y = Gather<axis = 1>(x, i)`),
  );
  test('indices of int32', () =>
    check({ x: randomFloats([4, 2]), i: int64s([3], [3, 0, 3]) }, 2, 'j = Cast<to = 6>(i) y = Gather(x, j)'));
});

test('GatherElements', async () => {
  const i = int64s([2, 3], [1, -1, 0, 2, 2, 1]);
  await check({ x: randomFloats([3, 3]), i }, 2, 'y = GatherElements(x, i)');
  await check({ x: randomFloats([4, 3]), i }, 2, 'y = GatherElements<axis = -1>(x, i)');
});

test('TopK', async () => {
  const k = `k = ${ints([1], 2)}`;
  await check({ x: randomFloats([3, 4]) }, 2, `${k} y, i = TopK(x, k)`);
  await check({ x: randomFloats([4, 3]) }, 2, `${k} y, i = TopK<axis = 0, largest = 0, sorted = 0>(x, k)`);
});

test('GatherND', async () => {
  const x = randomFloats([2, 3, 2]);
  await check({ x, i: int64s([3, 2], [0, 1, 1, -1, 0, 1]) }, 2, 'y = GatherND(x, i)');
  await check({ x, i: int64s([2, 2, 1], [0, 1, 1, 1]) }, 4, 'y = GatherND(x, i)');
  await check({ x, i: int64s([2, 2, 1], [0, 2, 2, 2]) }, 3, 'y = GatherND<batch_dims = 1>(x, i)');
  await check({ x, i: int64s([2, 2], [0, 1, 2, 0]) }, 1, 'y = GatherND<batch_dims = 1>(x, i)');
  await check(
    { x, i: int64s([2, 3, 2, 1], [0, 1, 1, 1, 0, 0, 1, 0, 0, 1, -1, 1]) },
    3,
    'y = GatherND<batch_dims = 2>(x, i)',
  );
});

test.each(['none', 'add'])('ScatterND and ScatterElements, %s', async (reduction) => {
  const updates = randomFloats([2, 3], 2);
  const attributes = `reduction = "${reduction}"`;
  await check(
    { x: randomFloats([4, 3]), i: int64s([2, 1], [3, 1]), u: updates },
    2,
    `y = ScatterND<${attributes}>(x, i, u)`,
  );
  const i = int64s([2, 3], [3, 0, 1, 2, -3, 0]);
  await check({ x: randomFloats([2, 4]), i, u: updates }, 2, `y = ScatterElements<axis = 1, ${attributes}>(x, i, u)`);
});

test('reductions other than add are refused', async () => {
  const model = graphOf(
    'f (float[4] x, int64[1,1] i, float[1] u) => (float[4] y) { y = ScatterND<reduction = "max">(x, i, u) }',
  );
  const feeds = { x: randomFloats([4]), i: int64s([1, 1], [2]), u: floats([1], [1]) };
  await expect(gradientsOf(model, feeds)).rejects.toThrow('y (ScatterND): its reduction is max');
});

test('Compress', async () => {
  const c = 'c = Constant<value = bool[3] {1, 0, 1}>()';
  await check({ x: randomFloats([3, 2]) }, 2, `${c} y = Compress<axis = 0>(x, c)`);
  await check({ x: randomFloats([2, 4, 2]) }, 3, `${c} y = Compress<axis = -2>(x, c)`);
  await check({ x: randomFloats([2, 3]) }, 1, `${c} y = Compress(x, c)`);
});
