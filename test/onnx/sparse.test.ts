import { describe, expect, it } from 'vitest';
import { Tensor } from '../../src/ir/tensor.js';
import type { DataType } from '../../src/ir/types.js';
import { decodeModel } from '../../src/onnx/read.js';
import { parseModel } from '../../src/onnx/text.js';
import { encodeModel } from '../../src/onnx/write.js';
import { Session } from '../../src/runtime/session.js';
import { bytes, message, varint } from './wire.js';

/** A model that adds a constant to its input, the constant being sparse. */
const adding = (values: readonly number[], type: DataType = 'float32') => {
  const model = parseModel(
    `<ir_version: 8, opset_import: ["": 17]> f (float[2,6] x) => (float[2,6] y) <float[2,6] w = {${values}}>
      { c = Cast<to = 1>(w) y = Add(x, c) }`,
  );
  model.graph.initializers.set('w', Tensor.from('w', type, [2, 6], values));
  model.graph.sparse.add('w');
  return model;
};

const W = [0, 0, 0, 0, 0, 0, 0, 7, 0, -2, 0, 0];

describe('sparse initializers', () => {
  it('take less room, and are whole again when they are read', () => {
    const model = adding(W);
    const written = encodeModel(model);
    model.graph.sparse.clear();
    expect(written.length).toBeLessThan(encodeModel(model).length + 2 * 12);
    const { graph } = decodeModel(written, 'm.onnx');
    expect([...graph.sparse]).toEqual(['w']);
    expect(graph.initializers.get('w')!.dims).toEqual([2, 6]);
    expect([...graph.initializers.get('w')!.toNumbers()]).toEqual(W);
  });

  it.each(['float32', 'float16'] as const)('run as they are meant: %s', async (type) => {
    const model = adding(W, type);
    expect(decodeModel(encodeModel(model), 'm.onnx').graph.sparse.size).toBe(1);
    const session = await Session.create(encodeModel(model), { threads: 1 });
    const x = Tensor.from('x', 'float32', [2, 6], new Float32Array(12).fill(1));
    const { y } = await session.run({ x: x.toValue() });
    await session.release();
    expect([...(y!.data as Float32Array)]).toEqual([1, 1, 1, 1, 1, 1, 1, 8, 1, -1, 1, 1]);
  });

  it('keep every byte of a file that nothing changes', () => {
    const written = encodeModel(adding(W));
    expect(Buffer.from(encodeModel(decodeModel(written, 'm.onnx')))).toEqual(Buffer.from(written));
  });

  it('stay whole where places would take more room than zeros', () => {
    const { graph } = decodeModel(encodeModel(adding([1, 2, 3, 4, 5, 6, 0, 7, 0, -2, 0, 0])), 'm.onnx');
    expect([...graph.sparse]).toEqual([]);
    expect(graph.initializers.get('w')!.toNumbers()[7]).toBe(7);
  });

  it('are written anew where their values change', () => {
    const model = decodeModel(encodeModel(adding(W)), 'm.onnx');
    const changed = new Float32Array(12);
    changed[11] = 5;
    model.graph.initializers.set('w', Tensor.of('w', 'float32', [2, 6], changed));
    const { graph } = decodeModel(encodeModel(model), 'm.onnx');
    expect([...graph.sparse]).toEqual(['w']);
    expect([...graph.initializers.get('w')!.toNumbers()].lastIndexOf(5)).toBe(11);
  });

  /** A file with a float[2,3] constant whose places are given as int64 in a shape. */
  const fileOf = (dims: readonly number[], places: readonly number[]) => {
    const tensor = (type: number, sizes: readonly number[], data: Uint8Array, name: string) =>
      message(...sizes.map((size) => varint(1, size)), varint(2, type), bytes(8, name), bytes(9, data));
    const values = tensor(1, [2], new Uint8Array(Float32Array.of(3, 4).buffer), 'w');
    const indices = tensor(7, dims, new Uint8Array(BigInt64Array.from(places, BigInt).buffer), 'i');
    const sparse = message(bytes(1, values), bytes(2, indices), varint(3, 2), varint(3, 3));
    return message(varint(1, 8), bytes(7, message(bytes(15, sparse))), bytes(8, message(varint(2, 17))));
  };
  const read = (dims: readonly number[], places: readonly number[]) =>
    decodeModel(fileOf(dims, places), 'm.onnx').graph.initializers.get('w')!.toNumbers();

  it('may be placed by coordinates', () => {
    expect([...read([2, 2], [0, 1, 1, 2])]).toEqual([0, 3, 0, 0, 0, 4]);
    expect([...read([2], [1, 5])]).toEqual([0, 3, 0, 0, 0, 4]);
  });

  it.each([
    [[2], [1, 6]],
    [[2], [-1, 0]],
    [
      [2, 2],
      [0, 1, 2, 0],
    ],
    [[3], [0, 1, 2]],
  ])('are refused where places do not fit: %j %j', (dims, places) => {
    expect(() => read(dims, places)).toThrow('m.onnx: tensor w: is sparse in a way that cannot be followed');
  });
});
