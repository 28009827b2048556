import { describe, expect, it } from 'vitest';
import { readClassNames, resolveLabels } from '../../src/data/labels.js';
import type { Dataset, RawLabel } from '../../src/data/types.js';
import { scratch } from './scratch.js';

const file = scratch();

/** A data set with these labels and nothing else. */
function labelled(labels: (RawLabel | undefined)[], classNames?: string[]): Dataset {
  return {
    path: 'test.csv',
    kind: 'text',
    size: labels.length,
    classNames,
    label: (index) => labels[index],
    describe: (index) => `row ${index}`,
    load: () => Promise.reject(new Error('not asked for')),
  };
}

const UNKNOWN = ['LABEL_0', 'LABEL_1', 'LABEL_2'];

describe('resolveLabels', () => {
  it.each([
    ['names, exactly', ['dog', 'cat'], ['cat', 'dog'], 2, [1, 0]],
    ['names, but for case and spaces', ['Ankle_Boot', 't-shirt'], ['T-Shirt', 'ankle boot'], 2, [1, 0]],
    ['indices of known names', [1, 0], ['cat', 'dog'], 2, [1, 0]],
    ['indices written as text', ['1', '0'], ['cat', 'dog'], 2, [1, 0]],
    ['names that are numbers', ['10', '9'], ['10', '9'], 2, [0, 1]],
    ['indices of a model without names', ['2', '0'], undefined, 3, [2, 0]],
    ['indices of a model with placeholder names', ['2', '0'], UNKNOWN, 3, [2, 0]],
    ['sorted names, where nothing is known', ['b', 'a', 'c'], undefined, 3, [1, 0, 2]],
    ['sorted numbers that cannot be indices', ['50', '10', '20'], UNKNOWN, 3, [2, 0, 1]],
    ['the two classes of one output', [1, 0], undefined, 1, [1, 0]],
    ['several classes each', [['a', 'b'], [], ['b']], ['a', 'b'], 2, [[0, 1], [], [1]]],
    ['missing labels', ['a', undefined], ['a', 'b'], 2, [0, undefined]],
  ] as const)('maps %s', (_, labels, names, size, targets) => {
    expect(resolveLabels(labelled([...labels] as RawLabel[]), names, size).targets).toEqual(targets);
  });

  it('counts class folders that are empty', () => {
    const data = labelled(['c', 'a'], ['a', 'b', 'c']);
    expect(resolveLabels(data, undefined, 3)).toEqual({ classes: ['a', 'b', 'c'], targets: [2, 0], labelled: true });
  });

  it('names classes by number where nothing else is known', () => {
    expect(resolveLabels(labelled([0, 2]), undefined, undefined).classes).toEqual(['0', '1', '2']);
    expect(resolveLabels(labelled([undefined]), undefined, 2)).toEqual({
      classes: ['0', '1'],
      targets: [undefined],
      labelled: false,
    });
  });

  it.each([
    [
      ['cat', 'cow'],
      ['cat', 'dog'],
      2,
      "test.csv: row 1: label 'cow' is none of the model's 2 classes; they are cat, dog",
    ],
    [
      [0, 10],
      undefined,
      10,
      "row 1: label 10 is none of the model's 10 classes; they are 0, 1, 2, 3, 4 …; numbers count from 0",
    ],
    [[1.5], undefined, 10, 'label 1.5 is none'],
    [['a', 'b'], undefined, 3, 'test.csv: has 2 classes (a, b), the model 3, whose names are unknown; put the names'],
    [['a'], ['a', 'b'], 3, 'the model gives 3 values, 2 classes are named (a, b)'],
  ] as const)('refuses %j for %j', (labels, names, size, message) => {
    expect(() => resolveLabels(labelled([...labels]), names, size)).toThrow(message);
  });

  it('does not guess between names that differ in case only', () => {
    expect(() => resolveLabels(labelled(['Cat']), ['cat', 'CAT'], 2)).toThrow("label 'Cat' is none");
  });
});

describe('readClassNames', () => {
  it('reads id2label in the order of its numbers', async () => {
    file(
      'a/config.json',
      '{"id2label": {"10": "k", "0": "a", "1": "b", "2": "c", "3": "d", "4": "e", "5": "f", "6": "g", "7": "h", "8": "i", "9": "j"}}',
    );
    expect((await readClassNames(file('a')))?.join('')).toBe('abcdefghijk');
  });

  it('reads label2id, labels.txt, and what lies above a folder named onnx', async () => {
    file('b/config.json', '{"label2id": {"dog": 1, "cat": 0}}');
    expect(await readClassNames(file('b/onnx'))).toEqual(['cat', 'dog']);
    file('c/labels.txt', 'cat\r\ndog\r\n');
    expect(await readClassNames(file('c'))).toEqual(['cat', 'dog']);
    expect(await readClassNames(file('d'))).toBeUndefined();
  });

  it.each([
    ['config.json', '{', /config.json: is not JSON/],
    ['config.json', '{"id2label": {"0": "a", "2": "b"}}', /config.json: id2label: has no name for class 1/],
    ['labels.txt', 'a\n\nb\n', /labels.txt: line 2: is empty/],
  ])('refuses a bad %s', async (name, content, message) => {
    const folder = `bad-${content.length}`;
    file(`${folder}/${name}`, content);
    await expect(readClassNames(file(folder))).rejects.toThrow(message);
  });
});
