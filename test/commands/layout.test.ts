import { expect, it } from 'vitest';
import { formatBytes, formatCount, shorten, table, wrap } from '../../src/commands/layout.js';

it('breaks lines at a column', () => {
  expect(wrap('one two three four', 12, 2)).toBe('one two\n  three four');
});

it('shortens names in the middle', () => {
  expect(shorten('encoder.layer.weight', 11)).toBe('encod…eight');
});

it('aligns columns', () => {
  expect(
    table(
      [{ title: 'operator' }, { title: 'n', align: 'right' }],
      [
        ['Conv', '15'],
        ['Relu', '3'],
      ],
    ),
  ).toEqual(['operator   n', 'Conv      15', 'Relu       3']);
});

it('writes sizes and counts for people', () => {
  expect([0, 1023, 1536, 2822024].map(formatBytes)).toEqual(['0 B', '1023 B', '1.50 KiB', '2.69 MiB']);
  expect([12, 694922, 22263552].map(formatCount)).toEqual(['12', '694.9 K', '22.3 M']);
});
