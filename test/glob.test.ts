import { describe, expect, it } from 'vitest';
import { globToRegExp } from '../src/glob.js';

describe('globToRegExp', () => {
  it.each([
    ['conv1.weight', 'conv1.weight', true],
    ['conv1.weight', 'conv1_weight', false],
    ['conv*', 'conv', true],
    ['conv*', 'conv1/weight', true],
    ['conv*', 'my_conv1', false],
    ['*.bias', 'layer.0.bias', true],
    ['layer.?.bias', 'layer.0.bias', true],
    ['layer.?.bias', 'layer.10.bias', false],
    ['*', '', true],
    ['(a|b)', 'a', false],
    ['w[0]$^+{}', 'w[0]$^+{}', true],
    ['a\\d', 'a1', false],
  ])('%s and %s: %s', (pattern, name, fits) => {
    expect(globToRegExp(pattern).test(name)).toBe(fits);
  });
});
