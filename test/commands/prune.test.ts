import { mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { zipSync } from 'fflate';
import { describe, expect, it, onTestFinished } from 'vitest';
import { type PruneOptions, prune, type Report } from '../../src/index.js';
import { Tensor } from '../../src/ir/tensor.js';
import { parseModel } from '../../src/onnx/text.js';
import { encodeModel } from '../../src/onnx/write.js';
import { reportSchema } from '../../src/report/schema.js';
import { npy } from '../data/numpy.js';
import { randomFloats } from '../ops/gradients/check-gradient.js';

const fixture = (name: string) => fileURLToPath(new URL(`../../fixtures/${name}/model.onnx`, import.meta.url));

/** A model in a folder of its own, given as ONNX text; constants of some shapes are random. */
function place(
  text: string,
  shapes: Readonly<Record<string, readonly number[]>> = {},
): { path: string; folder: string } {
  const folder = mkdtempSync(join(tmpdir(), 'nncompress-prune-'));
  onTestFinished(() => rmSync(folder, { recursive: true }));
  const constants = Object.keys(shapes).map((name) => `float[1] ${name} = {0}`);
  const head = '<ir_version: 8, opset_import: ["": 17]>';
  const model = parseModel(`${head} ${text.replace('CONSTANTS', `<${constants}>`)}`);
  for (const [seed, [name, dims]] of Object.entries(shapes).entries())
    model.graph.initializers.set(
      name,
      Tensor.from(name, 'float32', dims, randomFloats(dims, seed).data as Float32Array),
    );
  writeFileSync(join(folder, 'model.onnx'), encodeModel(model));
  return { path: join(folder, 'model.onnx'), folder };
}

/** Two dense layers with 16 units between them. */
const dense = () =>
  place(
    'net (float[n,4] x) => (float[n,2] y) CONSTANTS { [wide] h = MatMul(x, v) r = Relu(h) [head] y = MatMul(r, w) }',
    {
      ...{ v: [4, 16], w: [16, 2] },
    },
  );

type Group = NonNullable<Report['pruning']>['groups'][number];

const QUIET = { benchmark: false };

describe('prune', () => {
  it.each<[string, PruneOptions, (models: readonly { macs?: number; parameters?: number; bytes: number }[]) => number]>(
    [
      ['macs', { macs: 0.5 }, ([before, after]) => after!.macs! / before!.macs!],
      ['parameters', { parameters: 0.5 }, ([before, after]) => after!.parameters! / before!.parameters!],
      ['bytes', { size: 400 }, ([, after]) => (0.5 * after!.bytes) / 400],
    ],
  )(
    'removes channels down to a share of the %s, by their weights where there are no inputs',
    async (_, target, share) => {
      const { path, folder } = dense();
      const report = await prune(path, { ...target, ...QUIET });
      expect(reportSchema.parse(report).pruning).toMatchObject({ kind: 'channels', importance: 'l2' });
      expect(report.pruning!.groups).toEqual([{ name: 'wide', before: 16, after: 8 }]);
      expect(share(report.models)).toBeLessThanOrEqual(0.5);
      expect(report.warnings).toEqual(['accuracy was not checked: no labelled data was given (--data)']);
      expect(readdirSync(folder).sort()).toEqual(['model.onnx', 'model.pruned.onnx']);
    },
  );

  it('says so where rounding leaves much less than was asked for', async () => {
    const { path } = place(
      'net (float[n,4,8,8] x) => (float[n,2,4,4] y) CONSTANTS { c = Conv(x, v) r = Relu(c) y = Conv(r, w) }',
      { v: [32, 4, 3, 3], w: [2, 32, 3, 3] },
    );
    const notesOf = async (macs: number) => {
      const notes: string[] = [];
      await prune(path, { dryRun: true, macs }, { onNote: (text) => notes.push(text) });
      return notes.join();
    };
    // Kernels take channels in blocks of 8 or 16.
    expect(await notesOf(0.99)).toMatch(
      /leaves (50|75)\.0 % of the multiply-accumulates: --round 1 comes nearer to 99\.0 %/,
    );
    expect(await notesOf(0.5)).not.toContain('--round');
  });

  it('rounds channels, leaves some at least, and takes a part of each layer at most', async () => {
    const after = async (options: PruneOptions) =>
      (await prune(dense().path, { dryRun: true, ...options })).pruning!.groups[0]!.after;
    expect(await after({ macs: 0.5, round: 5 })).toBe(5);
    expect(await after({ macs: 0.45, round: 1 })).toBe(7);
    expect(await after({ macs: 0.3 })).toBe(4);
    await expect(after({ macs: 0.2, round: 1, minChannels: 4 })).rejects.toThrow(
      /25\.0 % is the least; ask for that with --macs, or allow more with --min-channels$/,
    );
    await expect(after({ macs: 0.2, round: 8, maxPerLayer: 0.5 })).rejects.toThrow(
      /50\.0 % is the least; .* or allow more with --round and --max-per-layer$/,
    );
  });

  it('measures how fast models of fewer channels are, where a time is asked for', async () => {
    const text = 'net (float[1,512] x) => (float[1,8] y) CONSTANTS { h = MatMul(x, v) r = Relu(h) y = MatMul(r, w) }';
    const { path } = place(text, { v: [512, 2048], w: [2048, 8] });
    const { pruning, models } = await prune(path, { latency: 0.6, dryRun: true });
    const [{ before, after }] = pruning!.groups as [Group];
    expect(before).toBe(2048);
    expect(after).toBeLessThan(1600);
    expect(models[1]!.macs! / models[0]!.macs!).toBeCloseTo(after / before, 2);
  });
});

describe('prune refuses', () => {
  /** Expects a refusal that says some text, and nothing written. */
  async function refuse(
    { path, folder }: { path: string; folder: string },
    options: PruneOptions,
    says: string | RegExp,
  ) {
    await expect(prune(path, { ...options, output: join(folder, 'out.onnx') })).rejects.toThrow(says);
    expect(readdirSync(folder)).toEqual(['model.onnx']);
  }

  it('a target that cannot be reached, and says the nearest', () =>
    refuse(
      dense(),
      { macs: 0.01 },
      /1\.0 % of the multiply-accumulates cannot be reached: 6\.3 % is the least; .* with --macs$/,
    ));

  it('a size that cannot be reached, in bytes', () =>
    refuse(
      dense(),
      { size: 100 },
      /100 B of the size cannot be reached: \d+ B is the least; ask for that with --size$/,
    ));

  it('a target that is there', () => refuse(dense(), { macs: 1 }, '--macs: all of the multiply-accumulates may stay'));

  it('a model whose every group is protected', () =>
    refuse(dense(), { macs: 0.5, exclude: '*' }, /no channels can be removed \(.*wide: excluded by --exclude/));

  it('patterns that fit nothing', () => refuse(dense(), { macs: 0.5, exclude: 'nothing*' }, "'nothing*' fits no node"));

  it('measures that need inputs where there are none', () =>
    refuse(dense(), { macs: 0.5, importance: 'activation' }, '--importance activation: needs inputs to measure on'));

  it('quantized weights', () =>
    refuse(
      place(`net (float[n,2] x) => (float[n,2] y) <int8[2,2] q = {1,2,3,4}, float s = {0.1}, int8 z = {0}>
        { w = DequantizeLinear(q, s, z) y = MatMul(x, w) }`),
      { macs: 0.5 },
      'has quantized weights; prune the float model first, then quantize the result',
    ));

  it('models without weights, or without layers that could be left out', async () => {
    const plain = () => place('net (float[n,2] x) => (float[n,2] y) { y = Relu(x) }');
    await refuse(plain(), { macs: 0.5 }, 'no channels can be removed');
    await refuse(plain(), { sparsity: 0.5, unstructured: true }, 'has no weights that could become zero');
    await refuse(dense(), { layers: 1 }, 'has no residual blocks or transformer layers');
  });

  it('to train what has no gradients, before anything is written', async () => {
    const stuck = place(
      `net (float[n,2,2] x) => (float[n,2] y) CONSTANTS
        { h = MatMul(x, a) [odd] d = Det(h) axes = Constant <value = int64[1] {1}> () s = Unsqueeze(d, axes)
          m = MatMul(s, v) r = Relu(m) y = MatMul(r, w) }`,
      { a: [2, 2], v: [1, 16], w: [16, 2] },
    );
    const train = join(place('net (float[n] x) => (float[n] y) { y = Relu(x) }').folder, 'train.npz');
    const [x, labels] = [Buffer.from(Float32Array.of(1, 2, 3, 5, 8, 1, 2, 4).buffer), Buffer.from([0, 1])];
    writeFileSync(train, zipSync({ 'x.npy': npy('<f4', [2, 2, 2], x), 'labels.npy': npy('|u1', [2], labels) }));
    await refuse(
      stuck,
      { macs: 0.5, train, validation: train, batch: 2 },
      'cannot be trained: odd (Det): Det has no gradient',
    );
  });

  it('more layers than there are, and fewer than have to stay', async () => {
    const model = fixture('fashion-mobilenet');
    const options = { dryRun: true, layers: 3 };
    await expect(prune(model, options)).rejects.toThrow(
      'has 3 layers, of which 3 are to stay; ask for fewer with --layers',
    );
    const exclude = ['/features/features.3/*', '/features/features.5/*'];
    await expect(prune(model, { ...options, layers: 1, exclude })).rejects.toThrow(
      /2 of its 3 layers have to stay \(.*features\.3: excluded by --exclude.*--layers 2 is the least/,
    );
  });
});
