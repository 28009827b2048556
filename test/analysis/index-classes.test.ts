import { describe, expect, it } from 'vitest';
import { IndexClasses } from '../../src/analysis/index-classes.js';

function classesOf(count: number): IndexClasses {
  const classes = new IndexClasses();
  classes.grow(count);
  return classes;
}

describe('index classes', () => {
  it('stay where one of their indices does, whatever joins later', () => {
    const classes = classesOf(5);
    classes.unite(0, 1);
    classes.freeze(1, classes.reason('because'));
    classes.unite(2, 0);
    classes.unite(3, 4);
    expect([0, 1, 2, 3, 4].map((index) => classes.frozenBy(index))).toEqual([
      ...['because', 'because', 'because'],
      ...[undefined, undefined],
    ]);
  });

  it('keep their marks when they are united, and may get more indices', () => {
    const classes = classesOf(2);
    classes.mark(0);
    classes.grow(40);
    classes.unite(39, 0);
    expect([0, 1, 39].map((index) => classes.isMarked(index))).toEqual([true, false, true]);
  });

  it('are as they were after a trial', () => {
    const classes = classesOf(6);
    classes.unite(0, 1);
    const inTrial = classes.trial(() => {
      for (let index = 1; index < 5; index++) classes.unite(index, index + 1);
      classes.freeze(3, classes.reason('tried'));
      classes.mark(4);
      return classes.find(0) === classes.find(5) && classes.isFrozen(0) && classes.isMarked(0);
    });
    expect(inTrial).toBe(true);
    expect(classes.find(0)).toBe(classes.find(1));
    expect(new Set([1, 2, 3, 4, 5].map((index) => classes.find(index))).size).toBe(5);
    expect([0, 3, 4].some((index) => classes.isFrozen(index) || classes.isMarked(index))).toBe(false);
  });
});
