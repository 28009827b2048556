import { describe, expect, it } from 'vitest';
import { messageOf, UserError } from '../src/errors.js';

describe('UserError', () => {
  it('is one line: file, place, what is wrong, how to mend it', () => {
    const error = new UserError('is wrong', { file: 'm.onnx', where: 'node a', mend: 'change it' });
    expect(error.message).toBe('m.onnx: node a: is wrong; change it');
    expect(new UserError('is wrong').message).toBe('is wrong');
    expect(new UserError('two\n  lines', { where: 'row 3' }).message).toBe('row 3: two lines');
  });

  it('takes more of its place later', () => {
    const error = new UserError('is wrong', { where: 'node a', mend: 'change it' }).at({ file: 'm.onnx' });
    expect(error).toBeInstanceOf(UserError);
    expect(error.message).toBe('m.onnx: node a: is wrong; change it');
    expect(error).toMatchObject({ what: 'is wrong', place: { file: 'm.onnx', where: 'node a', mend: 'change it' } });
  });
});

describe('messageOf', () => {
  it('gives one line for anything thrown', () => {
    expect(messageOf(new Error('a\n b '))).toBe('a b');
    expect(messageOf('text')).toBe('text');
    expect(messageOf(undefined)).toBe('undefined');
  });
});
