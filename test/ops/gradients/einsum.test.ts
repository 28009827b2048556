import { expect, test } from 'vitest';
import { checkGradient, gradientsOf, graphOf, randomFloats } from './check-gradient.js';

const modelOf = (equation: string, operands: readonly string[]) =>
  graphOf(
    `f (${operands.map((dims, k) => `float${dims && `[${dims}]`} x${k}`)}) => (float y) { z = Einsum<equation = "${equation}">(${operands.map((_, k) => `x${k}`)}) a = Constant<value_ints = [-1]>() r = Reshape(z, a) w = Sin(r) y = ReduceSum<keepdims = 0>(w) }`,
  );
const feedsOf = (shapes: readonly (readonly number[])[]) =>
  Object.fromEntries(shapes.map((dims, k) => [`x${k}`, randomFloats(dims, k + 1)]));

test.each([
  [
    'ij,jk->ik',
    [
      [2, 3],
      [3, 4],
    ],
  ],
  [
    'bhid,bhjd->bhij',
    [
      [2, 2, 3, 4],
      [2, 2, 2, 4],
    ],
  ],
  [
    'bij,jk',
    [
      [2, 3, 2],
      [2, 3],
    ],
  ],
  [
    'ba,ac',
    [
      [2, 3],
      [3, 4],
    ],
  ],
  ['i,j->ij', [[2], [3]]],
  [
    'ij,ij->',
    [
      [2, 3],
      [2, 3],
    ],
  ],
  ['ij->', [[2, 3]]],
  ['ij->ji', [[2, 3]]],
  ['ijk->j', [[2, 3, 2]]],
  ['ij,k->k', [[2, 3], [4]]],
  ['i,ijk,jk->k', [[2], [2, 3, 4], [3, 4]]],
  [
    '...ij,...jk->...ik',
    [
      [2, 1, 2, 3],
      [2, 3, 3, 2],
    ],
  ],
  [
    '...i,ij->...j',
    [
      [2, 2, 3],
      [3, 2],
    ],
  ],
  ['...i->...', [[2, 2, 3]]],
  [
    'b...,b...',
    [
      [2, 3],
      [2, 3],
    ],
  ],
  [
    '...ij,...j',
    [
      [2, 3, 2],
      [2, 2],
    ],
  ],
  [
    'aB,Bc->ac',
    [
      [2, 3],
      [3, 4],
    ],
  ],
  [
    ' i j , j k -> i k ',
    [
      [2, 3],
      [3, 4],
    ],
  ],
] as [string, number[][]][])('%s', async (equation, shapes) => {
  await checkGradient(modelOf(equation, shapes.map(String)), feedsOf(shapes));
  if (equation.split('...').length < 3)
    await checkGradient(
      modelOf(
        equation,
        shapes.map((dims, k) => `${dims.map((_, axis) => `s${k}_${axis}`)}`),
      ),
      feedsOf(shapes),
    );
});

test('a symbol that stands in both ellipses is no broadcast', async () => {
  const shapes = [
    [2, 2, 3],
    [2, 3, 2],
  ];
  await checkGradient(modelOf('...ij,...jk->...ik', ['n,2,3', 'n,3,2']), feedsOf(shapes));
  const model = modelOf('...ij,...jk->...ik', ['n,2,3', 'm,3,2']);
  await expect(gradientsOf(model, feedsOf(shapes))).rejects.toThrow('its ellipsis may broadcast');
});

test('a diagonal is refused, except in an operand that gets no gradient', async () => {
  await expect(gradientsOf(modelOf('ii->i', ['3,3']), feedsOf([[3, 3]]))).rejects.toThrow('takes a diagonal');
  await checkGradient(
    modelOf('ii,ij->ij', ['3,3', '3,2']),
    feedsOf([
      [3, 3],
      [3, 2],
    ]),
    { by: ['x1'] },
  );
});
