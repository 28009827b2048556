import { type SpawnSyncReturns, spawn, spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { parseModel } from '../src/onnx/text.js';
import { encodeModel } from '../src/onnx/write.js';

const program = fileURLToPath(new URL('../bin/nncompress.js', import.meta.url));
const folder = mkdtempSync(join(tmpdir(), 'nncompress-cli-'));
const empty = mkdtempSync(join(tmpdir(), 'nncompress-empty-'));
const model = join(folder, 'model.onnx');

beforeAll(() => {
  const text = `
    <ir_version: 8, opset_import: ["" : 17], producer_name: "hand">
    net (float[batch, 1, 8, 8] image) => (float[batch, 2] logits)
    <float[2, 1, 3, 3] kernel = {1,2,3,4,5,6,7,8,9,1,2,3,4,5,6,7,8,9}>
    { conv = Conv(image, kernel)  relu = Relu(conv)  pool = GlobalAveragePool(relu)  logits = Flatten(pool) }`;
  writeFileSync(model, encodeModel(parseModel(text)));
});
afterAll(() => {
  for (const made of [folder, empty]) rmSync(made, { recursive: true });
});

function nncompress(...args: string[]): SpawnSyncReturns<string> {
  return spawnSync(process.execPath, [program, ...args], { encoding: 'utf8' });
}

describe('help', () => {
  it('names every command', () => {
    const { stdout, status } = nncompress('--help');
    expect(status).toBe(0);
    for (const command of ['inspect', 'doctor']) expect(stdout).toContain(command);
  });
  it('gives the version of the package', () => {
    const { version } = JSON.parse(readFileSync(new URL('../package.json', import.meta.url), 'utf8'));
    expect(nncompress('--version')).toMatchObject({ stdout: `${version}\n`, status: 0 });
  });
  it('shows examples', () => {
    expect(nncompress('inspect', '--help').stdout).toContain('$ nncompress inspect model.onnx');
  });
});

describe('mistakes end with code 2 and one line', () => {
  it.each([
    [['inspct', 'x'], "nncompress: unknown command 'inspct' (did you mean inspect?)\n"],
    [['inspect', model, '--jsn'], "nncompress: unknown option '--jsn' (did you mean --json?)\n"],
    [['inspect'], "nncompress: missing required argument 'model'\n"],
    [['inspect', 'a', 'b'], "nncompress: too many arguments for 'inspect'. Expected 1 argument but got 2.\n"],
    [['inspect', 'no.onnx'], 'nncompress: no.onnx: no such file; check the path of the model\n'],
    [['inspect', model, '--shape', 'x'], /^nncompress: --shape: expected a name and sizes .*, got 'x'\n$/],
    [['inspect', model, '--shape', 'z=1'], /^nncompress: --shape: 'z' is neither an input .*inputs: image.*\n$/],
    [['inspect', empty], `nncompress: ${empty}: the folder holds no .onnx file; name a model, or a folder with one\n`],
  ] as const)('%j', (args, message) => {
    const { stderr, stdout, status } = nncompress(...args);
    expect({ status, stdout }).toEqual({ status: 2, stdout: '' });
    if (typeof message === 'string') expect(stderr).toBe(message);
    else expect(stderr).toMatch(message);
  });
  it('without a command too, with the help', () => {
    const { status, stderr } = nncompress();
    expect(status).toBe(2);
    expect(stderr).toContain('Usage: nncompress');
  });
  it('with a stack only where it is asked for', () => {
    expect(nncompress('inspect', 'no.onnx', '--verbose').stderr).toMatch(/\n {4}at /);
  });
});

describe('inspect', () => {
  it('shows the model in 80 columns', () => {
    const { stdout, stderr, status } = nncompress('inspect', model);
    expect({ status, stderr }).toEqual({ status: 0, stderr: '' });
    expect(stdout).toContain('hand · IR 8 · opset 17');
    expect(stdout).toContain('18 parameters · 648 MACs');
    expect(stdout).toMatch(/image +float32 +\[batch, 1, 8, 8\] +counted as 1x1x8x8/);
    expect(stdout).toMatch(/Conv +1 +18 +72 B +648 +100.0%/);
    expect(stdout).toContain('int8 kernel');
    for (const line of stdout.split('\n').slice(1)) expect(line.length).toBeLessThanOrEqual(80);
  });
  it('gives JSON with the keys of reports', () => {
    const { models, inspection } = JSON.parse(nncompress('inspect', model, '--json', '--shape', 'batch=2').stdout);
    expect(models).toMatchObject([
      { role: 'original', path: model, parameters: 18, macs: 1296, operators: { Conv: 1, Relu: 1 } },
    ]);
    expect(inspection).toMatchObject({ producer: 'hand', opsets: { 'ai.onnx': 17 }, shapes: { image: [2, 1, 8, 8] } });
  });
  it('shows a model that ONNX Runtime cannot load', () => {
    const path = join(folder, 'custom.onnx');
    const text = `<ir_version: 8, opset_import: ["" : 17, "mine" : 1]>
      net (float[1] x) => (float[1] y) { h = mine.Secret(x)  y = Relu(h) }`;
    writeFileSync(path, encodeModel(parseModel(text)));
    const { stdout, status } = nncompress('inspect', path);
    expect(status).toBe(0);
    expect(stdout).toContain('custom operators: mine.Secret');
    expect(stdout).toContain('ONNX Runtime cannot load it');
  });
  it('colours where it is told to', () => {
    const run = (env: Record<string, string>, ...args: string[]) =>
      spawnSync(process.execPath, [program, 'inspect', model, ...args], {
        encoding: 'utf8',
        env: { ...process.env, ...env },
      });
    const colour = '\u001b[';
    expect(run({ FORCE_COLOR: '1', NO_COLOR: '' }).stdout).toContain(colour);
    expect(run({ FORCE_COLOR: '1', NO_COLOR: '' }, '--no-color').stdout).not.toContain(colour);
    expect(run({ NO_COLOR: '1' }).stdout).not.toContain(colour);
  });
});

describe('doctor', () => {
  it('finds this machine fit', () => {
    const { stdout, status } = nncompress('doctor');
    expect(status).toBe(0);
    for (const sign of ['✓ node', '✓ onnxruntime', '✓ cpu', '✓ sharp', '✓ tokenizers', '✓ temp folder'])
      expect(stdout).toContain(sign);
    expect(stdout).not.toContain('✗');
  });
  it('gives JSON', () => {
    const { healthy, checks } = JSON.parse(nncompress('doctor', '--json').stdout);
    expect(healthy).toBe(true);
    expect(checks).toContainEqual({ name: 'cpu', state: 'ok', detail: 'the provider runs models' });
  });
  it('says what is broken, with the mend', () => {
    const env = { ...process.env, TMPDIR: join(folder, 'missing') };
    const { stdout, status } = spawnSync(process.execPath, [program, 'doctor'], { encoding: 'utf8', env });
    expect(status).toBe(2);
    expect(stdout).toMatch(/✗ temp folder .*missing/);
    expect(stdout).toContain('→ set TMPDIR');
  });
});

describe.skipIf(process.platform === 'win32')('signals', () => {
  /** Milliseconds after which a model surely runs, however busy the machine is. */
  let patience = 2000;
  beforeAll(() => {
    const start = performance.now();
    nncompress('inspect', model);
    patience = Math.max(patience, 4 * (performance.now() - start));
  });

  it.each(['SIGINT', 'SIGTERM'] as const)('%s itself ends a process in which ONNX Runtime runs on', async (signal) => {
    const path = join(folder, 'endless.onnx');
    const text = `<ir_version: 8, opset_import: ["" : 17]>
      net (float[1] x) => (float[n, 1] y)
      <int64 trips = {1000000000000}, bool go = {1}, float[1] one = {1}, float[1, 1] w = {1}>
      { v = Loop <body = step (int64 i, bool c, float[1] s) => (bool d, float[1] t)
              { d = Identity(c)  t = Add(s, one) }> (trips, go, x)
        z = NonZero(v)  f = Cast<to = 1>(z)  c = Transpose(f)  y = MatMul(c, w) }`;
    writeFileSync(path, encodeModel(parseModel(text)));
    const child = spawn(process.execPath, [program, 'inspect', path], { stdio: 'ignore' });
    const ended = new Promise((resolve) => child.on('exit', (code, by) => resolve(by ?? code)));
    await new Promise((resolve) => setTimeout(resolve, patience));
    child.kill(signal);
    expect(await ended).toBe(signal);
  });
  it('a reader that stops reading is no mistake', () => {
    const command = `"${process.execPath}" "${program}" inspect "${model}" --json | head -c 1`;
    expect(spawnSync('sh', ['-c', command], { encoding: 'utf8' })).toMatchObject({ stdout: '{', stderr: '' });
  });
});
