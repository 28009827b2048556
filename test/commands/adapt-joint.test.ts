import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { zipSync } from 'fflate';
import { beforeAll, describe, expect, it } from 'vitest';
import { type AdaptOptions, adapt } from '../../src/index.js';
import { Tensor } from '../../src/ir/tensor.js';
import { readModel } from '../../src/onnx/read.js';
import { parseModel } from '../../src/onnx/text.js';
import { encodeModel } from '../../src/onnx/write.js';
import { npy } from '../data/numpy.js';
import { isThorough } from '../end-to-end/program.js';
import { randomFloats } from '../ops/gradients/check-gradient.js';

const SHAPES = { v: [4, 16], w: [16, 16], u: [16, 16], s: [16, 2] };

/** Weights of the second layer that were pruned. */
const PRUNED = 20;

/** A network of random weights: its layers tell little of the samples, so that heads alone learn little. */
function network(path: string): void {
  const model = parseModel(`<ir_version: 8, opset_import: ["": 17]> net (float[n,4] x) => (float[n,2] y)
    <${Object.keys(SHAPES).map((name) => `float[1] ${name} = {0}`)}>
    { a = MatMul(x, v) b = Relu(a) c = MatMul(b, w) d = Relu(c) e = MatMul(d, u) f = Relu(e) y = MatMul(f, s) }`);
  for (const [k, [name, dims]] of Object.entries(SHAPES).entries()) {
    const weights = randomFloats(dims, k, Math.sqrt(1 / dims[0]!)).data as Float32Array;
    if (name === 'w') weights.fill(0, 0, PRUNED);
    model.graph.initializers.set(name, Tensor.from(name, 'float32', dims, weights));
  }
  writeFileSync(path, encodeModel(model));
}

/** Points in four dimensions whose class is the parity of two signs. */
function points(path: string, count: number, seed: number): string {
  const x = randomFloats([count, 4], seed).data as Float32Array;
  const parity = (row: number) => x.subarray(4 * row, 4 * row + 2).filter((value) => value > 0).length % 2;
  const labels = Array.from({ length: count }, (_, row) => parity(row));
  const files = { 'x.npy': npy('<f4', [count, 4], Buffer.from(x.buffer)), 'labels.npy': npy('|u1', [count], labels) };
  writeFileSync(path, zipSync(files));
  return path;
}

describe('adapt --early-exit --joint', () => {
  const folder = mkdtempSync(join(tmpdir(), 'nncompress-joint-'));
  const model = join(folder, 'model.onnx');
  const given: AdaptOptions = {
    ...{ earlyExit: true, joint: true, exitAt: ['b'], macs: 0.8, epochs: 2, lr: 0.03, batch: 4 },
    ...{ benchmark: false, workers: 1, threads: 1 },
  };
  beforeAll(() => {
    network(model);
    given.train = points(join(folder, 'train.npz'), 500, 10);
    given.validation = points(join(folder, 'validation.npz'), 200, 11);
    given.data = points(join(folder, 'test.npz'), 200, 12);
    return () => rmSync(folder, { recursive: true });
  });

  it('trains the layers that exits share, and counts losses from the original', async () => {
    const output = join(folder, 'joint.onnx');
    const { adaptive, training, models } = await adapt(model, { ...given, output });
    const { bestEpoch, history } = training!;
    expect(history[bestEpoch]!.validationAccuracy! - history[0]!.validationAccuracy!).toBeGreaterThan(0.03);
    expect(adaptive!.original).toBe(models[0]!.metrics!.accuracy);
    expect(adaptive!.exits.at(-1)!.alone! - adaptive!.original!).toBeGreaterThan(0.1);
    expect(existsSync(`${output}.checkpoint`)).toBe(false);
    const constants = [...readModel(output).graph.walk()].flatMap(({ initializers }) => [...initializers.values()]);
    const matrices = constants.filter(({ dims }) => `${dims}` === '16,16');
    const zeros = matrices.map((matrix) => [...matrix.toNumbers()].filter((weight) => weight === 0).length);
    expect(zeros.sort()).toEqual([0, PRUNED]);
  });

  it.runIf(isThorough)('keeps the model as it is where training brings nothing', async () => {
    const output = join(folder, 'frozen.onnx');
    const { adaptive, models, warnings } = await adapt(model, { ...given, lr: 1, epochs: 1, output });
    expect(adaptive!.original).toBeUndefined();
    expect(warnings.join()).toMatch(/training did not help.*exits of the frozen model are written: on 200 samples/);
    expect(adaptive!.exits.at(-1)!.alone).toBe(models[0]!.metrics!.accuracy);
  });

  it.runIf(isThorough)('goes on from where it was interrupted, and gives the same file', async () => {
    const [whole, resumed] = ['whole', 'resumed'].map((name) => join(folder, `${name}.onnx`));
    await adapt(model, { ...given, output: whole });
    const onNote = (text: string) => {
      if (/^training all, epoch 2: /.test(text)) throw new Error('interrupted');
    };
    await expect(adapt(model, { ...given, output: resumed }, { onNote })).rejects.toThrow('interrupted');
    await expect(adapt(model, { ...given, output: resumed })).rejects.toThrow('is left from an interrupted run');
    const other = { ...given, exitAt: ['d', 'b'], resume: true, output: resumed };
    await expect(adapt(model, other)).rejects.toThrow(
      'was left by a run with another model, other data or other options',
    );
    const notes: string[] = [];
    await adapt(model, { ...given, resume: true, output: resumed }, { onNote: (text) => notes.push(text) });
    expect(notes.filter((text) => /epoch \d/.test(text))).toEqual([expect.stringMatching(/^training all, epoch 2: /)]);
    expect(readFileSync(resumed!).equals(readFileSync(whole!))).toBe(true);
  });

  it('is refused where nothing is trained together, before anything is read', async () => {
    const { train } = given;
    await expect(adapt('none.onnx', { joint: true, slim: [1, 0.5], train })).rejects.toThrow(
      '--joint: trains a model together with its exits, and none are added; add --early-exit',
    );
    await expect(adapt(model, { earlyExit: true, resume: true, train })).rejects.toThrow(
      '--resume: --early-exit leaves nothing to go on from; start anew without it',
    );
  });
});
