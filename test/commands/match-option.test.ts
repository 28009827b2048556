import { Command } from 'commander';
import { describe, expect, it } from 'vitest';
import { distillArguments } from '../../src/commands/arguments.js';
import { distillOptions } from '../../src/commands/distill-options.js';
import { parseOptions } from '../../src/commands/parse-options.js';

const parsed = (match: unknown) => parseOptions(distillOptions, { teacher: 't.onnx', train: 'x', match }).match;

describe('--match', () => {
  it('takes a kind, and perhaps a weight and two values, one or several', () => {
    const command = distillArguments(new Command()).action(() => {});
    const args = ['--match', 'features', '--match', 'relations:0.5', '--match', 'features:50=a,b'];
    command.parse(['model.onnx', ...args], { from: 'user' });
    expect(parsed(command.opts().match)).toEqual([
      { kind: 'features' },
      { kind: 'relations', weight: 0.5 },
      { kind: 'features', weight: 50, student: 'a', teacher: 'b' },
    ]);
    expect(parsed(undefined)).toEqual([]);
  });

  it('takes names with colons and equal signs', () => {
    expect(parsed('attention-maps=model/relu:0,/layer=1/Relu_output_0')).toEqual([
      { kind: 'attention-maps', student: 'model/relu:0', teacher: '/layer=1/Relu_output_0' },
    ]);
  });

  it('takes from files and programs what it gave, and names with commas', () => {
    const all = [{ kind: 'features', weight: 2, student: 'a,b', teacher: 'c' }, { kind: 'attentions' }];
    expect(parsed(all)).toEqual(all);
    expect(parsed(parsed(all))).toEqual(all);
  });

  it.each([
    ['feature', "--match: expected features, attention-maps, relations, hidden-states or attentions, got 'feature'"],
    ['features:0', "--match: expected a number above 0, got '0'"],
    ['features:-1', "--match: expected a number above 0, got '-1'"],
    ['features:x=a,b', "--match: expected a number above 0, got 'x'"],
    ['features=a', "--match: expected two names, got 'features=a'"],
    ['features=a,b,c', "--match: expected two names, got 'features=a,b,c'"],
    ['features=', "--match: expected two names, got 'features='"],
  ])('refuses %s in one line', (given, message) => {
    expect(() => parsed(given)).toThrow(message);
  });
});
