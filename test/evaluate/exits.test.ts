import { expect, it } from 'vitest';
import type { TaskData } from '../../src/data/task.js';
import { type ExitModel, recordExits } from '../../src/evaluate/exits.js';
import { parse } from '../passes/exits/run.js';

/** Scores of two classes: at the first exit as they are, at the last the other way round. */
const TURNED = `f (float[n,2] x) => (float[n,2] y) <float[2,2] turn = {0,1,1,0}> { a = Identity(x) y = MatMul(a, turn) }`;
const SAME = 'f (float[n,2] x) => (float[n,2] y) { y = Identity(x) }';

const EXITS: ExitModel = {
  flat: parse(TURNED),
  exits: ['a', 'y'].map((scores) => ({ name: scores, scores, temperature: 1 })),
  form: { kind: 'single-label', probabilities: false, width: 2 },
  costs: [0.5, 1],
  own: [0, 0.5],
};

/** Samples that are of the first class where their number is even; some without label. */
function samples(targets: readonly (number | undefined)[]): TaskData {
  const row = (index: number) => (index % 2 ? [0, 1] : [1, 0]);
  async function* stream(indices: readonly number[]) {
    const data = Float32Array.from(indices.flatMap(row));
    yield { indices, feeds: { x: { type: 'float32', dims: [indices.length, 2], data } } };
  }
  return { labels: { classes: ['even', 'odd'], targets }, stream } as unknown as TaskData;
}

it('accuracy is told of the original, which also speaks for samples without label', async () => {
  const run = { data: samples([0, 1, undefined, 0]), indices: [0, 1, 2, 3], workers: 1, session: {} };
  const wrong = async (model: ExitModel) => {
    const { wrong, original } = (await recordExits(model, run, ['margin'])).table('margin');
    return { wrong: wrong.map((exit) => Array.from(exit)), original: original && Array.from(original) };
  };
  expect(await wrong(EXITS)).toEqual({
    ...{
      wrong: [
        [0, 0, 1, 1],
        [1, 1, 0, 0],
      ],
    },
    original: undefined,
  });
  expect(await wrong({ ...EXITS, original: { model: parse(SAME), output: 'y' } })).toEqual({
    ...{
      wrong: [
        [0, 0, 0, 1],
        [1, 1, 1, 0],
      ],
    },
    original: [0, 0, 0, 1],
  });
});
