import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { parseModel } from '../../src/onnx/text.js';
import { encodeModel } from '../../src/onnx/write.js';
import { npy } from '../data/numpy.js';
import { nncompress, program, readReport, scratch } from './program.js';

const SAMPLES = 48;
const WEIGHT = 'float[2,3] w = {0.1,0.2,0.3,0.3,0.1,0.2}';

/** Points around three corners, each corner a class. */
function points(folder: string, shift = 0, isFlawed = false): string {
  const corners = [
    [1, 0],
    [-1, 1],
    [-1, -1],
  ];
  const values = Array.from({ length: SAMPLES }, (_, k) =>
    corners[k % 3]!.map((at, axis) => at + shift + ((k + axis) % 5) / 20),
  );
  if (isFlawed) values[10] = [Number.NaN, 0];
  const classes = BigInt64Array.from({ length: SAMPLES }, (_, k) => BigInt(k % 3));
  writeFileSync(join(folder, 'points.npy'), npy('<f4', [SAMPLES, 2], bytesOf(Float32Array.from(values.flat()))));
  writeFileSync(join(folder, 'points.labels.npy'), npy('<i8', [SAMPLES], bytesOf(classes)));
  return join(folder, 'points.npy');
}

const bytesOf = ({ buffer }: Float32Array | BigInt64Array) => Buffer.from(buffer);

/** Trains a model of points. */
function finetune(graph: string, extra: readonly string[], isFlawed = false) {
  const folder = scratch();
  const [model, output, report] = ['model.onnx', 'tuned.onnx', 'report.json'].map((name) => join(folder, name));
  writeFileSync(model!, encodeModel(parseModel(`<ir_version: 8, opset_import: ["": 17]> ${graph}`)));
  writeFileSync(join(folder, 'twice.txt'), 'left\nright\nleft\n');
  const data = points(folder, 0, isFlawed);
  const options = [
    '--lr',
    '0.05',
    '--no-benchmark',
    '-o',
    output!,
    '--report',
    report!,
    '--train',
    data,
    '--data',
    data,
  ];
  const placed = extra.map((one) => (one === 'twice.txt' ? join(folder, one) : one));
  const { status, stderr } = nncompress('finetune', model!, ...options, ...placed);
  return { status, stderr, written: existsSync(output!), read: () => readReport(report!) };
}

/** Ends a run by a signal once a file is there. */
function interrupted(args: readonly string[], file: string): Promise<unknown> {
  const child = spawn(process.execPath, [program, ...args], { stdio: 'ignore' });
  const timer = setInterval(() => existsSync(file) && child.kill('SIGKILL'), 20);
  return once(child, 'exit').finally(() => clearInterval(timer));
}

describe('finetune of models of other forms', () => {
  it('scores with axes of length 1', () => {
    const { status, read } = finetune(
      `f (float[n,2] x) => (float[n,3,1,1] y) <${WEIGHT}, int64[4] s = {0,3,1,1}>
        { z = MatMul(x, w) y = Reshape(z, s) }`,
      ['--batch', '8'],
    );
    expect(status).toBe(0);
    expect(read().models[1]!.metrics!.accuracy).toBeGreaterThan(0.9);
  });

  it('a fixed batch, which several workers fill up', () => {
    const graph = `f (float[4,2] x) => (float[4,3] y) <${WEIGHT}> { y = MatMul(x, w) }`;
    const [one, two] = ['1', '2'].map((workers) => finetune(graph, ['--workers', workers]).read().training!);
    expect(two!.workers).toBe(2);
    for (const [k, { loss }] of two!.history.entries())
      if (loss !== undefined) expect(loss).toBeCloseTo(one!.history[k]!.loss!, 5);
  });

  it.each([
    ['other rates', ['--layer-decay', '0.5'], undefined],
    ['other contents under the same labels', [], 0.5],
  ])('a checkpoint of a run with %s is refused, and kept', async (_, extra, shift) => {
    const folder = scratch();
    const [model, output] = [join(folder, 'model.onnx'), join(folder, 'tuned.onnx')];
    writeFileSync(
      model,
      encodeModel(
        parseModel(`<ir_version: 8, opset_import: ["": 17]> f (float[n,2] x) => (float[n,3] y)
          <${WEIGHT}, float[3,3] v = {1,0,0,0,1,0,0,0,1}> { h = MatMul(x, w) y = MatMul(h, v) }`),
      ),
    );
    const args = ['finetune', model, '--train', points(folder), '--batch', '8', '-o', output, '--no-benchmark', '-q'];
    args.push('--checkpoint-every', '0.001', '--epochs', '10000');
    await interrupted(args, `${output}.checkpoint`);
    if (shift) points(folder, shift);
    const { status, stderr } = nncompress(...args, ...extra, '--resume');
    expect(stderr).toMatch(/was left by a run with another model, other data or other options/);
    expect([status, existsSync(output), existsSync(`${output}.checkpoint`)]).toEqual([2, false, true]);
  });

  it('features of frozen layers, without the samples that cannot be read', () => {
    const nodes = 'h = MatMul(x, w) r = Relu(h) y = MatMul(r, v)';
    const { status, stderr, read } = finetune(
      `f (float[n,2] x) => (float[n,3] y) <${WEIGHT}, float[3,3] v = {1,0,0,0,1,0,0,0,1}> { ${nodes} }`,
      ['--freeze', 'w', '--batch', '1', '--skip-bad-samples', '--epochs', '2'],
      true,
    );
    expect(stderr).toContain('the frozen layers were run once');
    expect(status).toBe(0);
    expect(read().training!.epochs).toBe(2);
  });

  it.each([
    [
      ['--classes', 'twice.txt', '--batch', '8'],
      'y = MatMul(x, w)',
      /twice\.txt: line 3: names the class 'left' twice; name every class once/,
    ],
    [
      ['--compare', '--batch', '8'],
      'a = MatMul(x, w) t = Transpose<perm = [1,0]>(w) b = MatMul(a, t) y = MatMul(b, w)',
      /the last layer cannot be replaced: its scores come from y \(MatMul\), whose weight other nodes use too/,
    ],
  ])('refuses %j before it trains', (extra, nodes, says) => {
    const { status, stderr, written } = finetune(`f (float[n,2] x) => (float[n,3] y) <${WEIGHT}> { ${nodes} }`, extra);
    expect(stderr).toMatch(says);
    expect([status, written]).toEqual([2, false]);
  });
});
