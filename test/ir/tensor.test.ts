import { describe, expect, it } from 'vitest';
import { Tensor, tensorOfValue } from '../../src/ir/tensor.js';

describe('Tensor', () => {
  it.each([
    ['float32', [1.5, -2], [0, 0, 192, 63, 0, 0, 0, 192]],
    ['float64', [1.5], [0, 0, 0, 0, 0, 0, 248, 63]],
    ['float16', [1.5, -2], [0, 62, 0, 192]],
    ['bfloat16', [1.5, -2], [192, 63, 0, 192]],
    ['int8', [1, -2], [1, 254]],
    ['int64', [1, -2], [1, 0, 0, 0, 0, 0, 0, 0, 254, 255, 255, 255, 255, 255, 255, 255]],
    ['bool', [1, 0], [1, 0]],
    ['int4', [1, -2, 7], [0xe1, 0x07]],
    ['uint4', [1, 15, 8], [0xf1, 0x08]],
    ['int2', [1, -2, 0, -1, 1], [0b11001001, 1]],
    ['uint2', [1, 2, 0, 3, 1], [0b11001001, 1]],
  ] as const)('holds %s as little-endian bytes', (type, values, bytes) => {
    const tensor = Tensor.from('w', type, [values.length], values);
    expect([...tensor.bytes()]).toEqual(bytes);
    expect([...tensor.toNumbers()]).toEqual(values);
    expect([...tensor.toFloats()]).toEqual(values);
    expect(tensor.byteLength).toBe(bytes.length);
  });

  it('refuses data that does not fill its shape', () => {
    expect(() => Tensor.of('w', 'float32', [3], new Float32Array(2))).toThrow('tensor w: 8 bytes for float32[3]');
    expect(() => Tensor.from('w', 'float32', [2], [1, 2]).reshaped([3])).toThrow('[2] into [3]');
  });

  it('keeps its data under another name and shape', () => {
    const tensor = Tensor.from('w', 'int32', [2, 3], [1, 2, 3, 4, 5, 6]);
    expect(tensor.renamed('v')).toMatchObject({ name: 'v', dims: [2, 3] });
    expect([...tensor.reshaped([3, 2]).toNumbers()]).toEqual([1, 2, 3, 4, 5, 6]);
    expect(tensor.renamed('w')).toBe(tensor);
  });

  it('gives its bytes in windows', () => {
    const tensor = Tensor.from('w', 'uint8', [5], [1, 2, 3, 4, 5]);
    expect([...tensor.windows(2)].map((window) => [...window])).toEqual([[1, 2], [3, 4], [5]]);
  });

  it('computes a lazy tensor each time it is read, once for all windows', () => {
    let computed = 0;
    const tensor = Tensor.lazy('w', 'uint8', [4], () => {
      computed++;
      return Uint8Array.of(1, 2, 3, 4);
    });
    expect(computed).toBe(0);
    expect([...tensor.windows(1)].map((window) => [...window])).toEqual([[1, 2, 3, 4]]);
    expect([...tensor.bytes(1, 3)]).toEqual([2, 3]);
    expect(computed).toBe(2);
  });

  it('turns to values of a session and back', () => {
    const texts = tensorOfValue('s', { type: 'string', dims: [2], data: ['ü', ''] });
    expect(texts.toValue()).toEqual({ type: 'string', dims: [2], data: ['ü', ''] });
    expect(texts.byteLength).toBe(2);
    expect(() => texts.bytes()).toThrow('tensor s holds strings');
    const scalar = tensorOfValue('v', { type: 'int64', dims: [], data: BigInt64Array.of(7n) });
    expect([...scalar.toNumbers()]).toEqual([7]);
  });
});
