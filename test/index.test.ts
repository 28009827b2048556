import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, it, onTestFinished } from 'vitest';
import { compare, evaluate, inspect, quantize, UserError } from '../src/index.js';
import { reportSchema } from '../src/report/schema.js';

const root = fileURLToPath(new URL('..', import.meta.url));
const model = join(root, 'fixtures/digits-m5/model.onnx');
const data = join(root, 'fixtures/spoken-digits/test');

function scratch(): string {
  const folder = mkdtempSync(join(tmpdir(), 'nncompress-library-'));
  onTestFinished(() => rmSync(folder, { recursive: true }));
  return folder;
}

describe('as a library', () => {
  it('quantizes, compares and evaluates, and gives reports', async () => {
    const output = join(scratch(), 'small.onnx');
    const seen = new Set<string>();
    const listener = { onProgress: ({ label }: { label: string }) => seen.add(label) };
    const options = { data, output, method: 'static', maxDrop: 0.05, benchmark: false } as const;
    const report = await quantize(model, options, listener);
    expect(reportSchema.parse(report)).toMatchObject({ command: 'quantize', gates: [{ passed: true }] });
    expect([...seen]).toEqual(expect.arrayContaining(['calibrating', 'evaluating']));
    const compared = await compare(model, output, { data, limit: 50, benchmark: false });
    expect(compared.models[1]).toMatchObject({ path: output, bytes: report.models[1]!.bytes });
    const { gates } = await evaluate(model, { data, minRecall: { three: '80%' }, benchmark: false });
    expect(gates).toMatchObject([{ name: 'min-recall', class: 'three', limit: 0.8, value: 0.84, passed: true }]);
  });
  it('foretells what it would write', async () => {
    const output = join(scratch(), 'small.onnx');
    const { models } = await quantize(model, { output, method: 'int8-weights', dryRun: true });
    expect(existsSync(output)).toBe(false);
    const written = await quantize(model, { output, method: 'int8-weights', benchmark: false });
    expect(models[1]!.bytes).toBe(written.models[1]!.bytes);
  });
  it('inspects', async () => {
    const { models, inspection } = await inspect(model, { shape: ['batch=2'] });
    expect(models[0]).toMatchObject({ parameters: 37898 });
    expect(inspection.inputs).toHaveLength(1);
  });
  it('throws the errors that the program tells', async () => {
    const refused = async (run: Promise<unknown>) => run.then(Object, (error: unknown) => error) as Promise<UserError>;
    // @ts-expect-error a misspelt key
    const misspelt = await refused(evaluate(model, { data, limt: 5 }));
    expect(misspelt).toBeInstanceOf(UserError);
    expect(misspelt.message).toBe("options: unknown key 'limt'; did you mean limit?");
    expect((await refused(evaluate(model, { data, limit: 'few' }))).message).toBe(
      "options: limit: expected a whole number from 1, got 'few'",
    );
    expect((await refused(evaluate('no.onnx', { data }))).message).toContain('no.onnx: no such file');
  });
});

describe('the package', () => {
  it('holds all that the program and its importers need', () => {
    const folder = scratch();
    const npm = (...args: string[]) => spawnSync('npm', args, { cwd: root, encoding: 'utf8' });
    const { stdout, status } = npm('pack', '--json', '--ignore-scripts', '--pack-destination', folder);
    expect(status).toBe(0);
    const [{ filename, files }] = JSON.parse(stdout) as [{ filename: string; files: { path: string }[] }];
    const names = files.map(({ path }) => path);
    expect(names).toEqual(expect.arrayContaining(['bin/nncompress.js', 'dist/index.js', 'dist/index.d.ts']));
    expect(names.filter((name) => /^(src|test|fixtures)\//.test(name))).toEqual([]);

    const installed = join(folder, 'node_modules/nncompress');
    mkdirSync(installed, { recursive: true });
    spawnSync('tar', ['-xzf', join(folder, filename), '-C', installed, '--strip-components=1']);
    const { dependencies } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'));
    symlinkSync(join(root, 'node_modules'), join(installed, 'node_modules'));
    expect(Object.keys(dependencies)).toContain('onnxruntime-node');
    writeFileSync(
      join(folder, 'use.mjs'),
      `import { inspect } from 'nncompress';
       console.log((await inspect(${JSON.stringify(model)})).models[0].parameters);`,
    );
    expect(spawnSync(process.execPath, ['use.mjs'], { cwd: folder, encoding: 'utf8' })).toMatchObject({
      stdout: '37898\n',
      stderr: '',
    });
    const program = join(installed, 'bin/nncompress.js');
    const run = spawnSync(process.execPath, [program, 'inspect', model, '--json'], { cwd: folder, encoding: 'utf8' });
    expect(JSON.parse(run.stdout)).toMatchObject({ command: 'inspect' });
  });
});
