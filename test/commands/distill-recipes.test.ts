import { describe, expect, it } from 'vitest';
import { distillOptions } from '../../src/commands/distill-options.js';
import { isOpen, recipesOf, recipeText } from '../../src/commands/distill-recipes.js';
import { parseOptions } from '../../src/commands/parse-options.js';

const optionsOf = (given: object) => parseOptions(distillOptions, { teacher: 't.onnx', train: 'train', ...given });
const textsOf = (given: object, task: 'single-label' | 'multi-label' = 'single-label', labelled = true) =>
  recipesOf(optionsOf(given), task, labelled).map(recipeText);

describe('recipesOf gives the ways of learning that options leave open', () => {
  it('several, of both losses, where nothing is said', () => {
    expect(isOpen(optionsOf({}))).toBe(true);
    expect(textsOf({})).toContain('kd, temperature 1, share 0.5');
    expect(textsOf({}).join()).toMatch(/dkd.*beta 8/);
  });

  it('exactly the one that is named', () => {
    const given = { loss: 'kd', temperature: 4, alpha: 0.9 };
    expect(isOpen(optionsOf(given))).toBe(false);
    expect(textsOf(given)).toEqual(['kd, temperature 4, share 0.9']);
    expect(textsOf({ ...given, loss: 'dkd', beta: 2 })).toEqual(['dkd, temperature 4, share 0.9, beta 2']);
  });

  it('those that keep what is named', () => {
    const texts = textsOf({ temperature: 3 });
    expect(texts.length).toBeGreaterThan(1);
    expect(texts.every((text) => text.includes('temperature 3'))).toBe(true);
    expect(new Set(texts).size).toBe(texts.length);
  });

  it('those that differ, where samples have several labels, or none', () => {
    expect(textsOf({}, 'multi-label').join()).not.toContain('dkd');
    expect(textsOf({}, 'single-label', false)).toEqual([
      'kd, temperature 1, share 1',
      'kd, temperature 2, share 1',
      'kd, temperature 4, share 1',
      'dkd, temperature 4, share 1, beta 8',
    ]);
  });
});

describe('the share of the teacher', () => {
  it.each([
    ['auto', 'auto'],
    ['0.5', [0.5]],
    ['90%:0', [0.9, 0]],
    [0.5, [0.5]],
    [
      [0.9, 0],
      [0.9, 0],
    ],
  ])('may be %j', (alpha, parsed) => {
    expect(optionsOf({ alpha }).alpha).toEqual(parsed);
  });

  it.each(['1.5', '-1', 'much', '0.1:0.2:0.3', ''])('may not be %j', (alpha) => {
    expect(() => optionsOf({ alpha })).toThrow('--alpha: expected auto, a share such as 0.5, or two such as 0.9:0');
  });
});
