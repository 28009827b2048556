import { cpSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { loadConfig } from '../../src/commands/config.js';
import { nncompress, root, scratch } from './program.js';

describe('init', () => {
  it('writes a config for the models and the data that each runs on', async () => {
    const folder = scratch();
    for (const name of ['digits-m5', 'fashion-mobilenet', 'spoken-digits', 'fashion-mnist'])
      cpSync(join(root, 'fixtures', name), join(folder, name), { recursive: true });
    writeFileSync(join(folder, 'digits-m5/model.int8.onnx'), 'left out: a compression wrote it');
    const { status, stdout, stderr } = nncompress('init', folder);
    expect({ status, stderr }).toEqual({ status: 0, stderr: '' });
    expect(stdout).toContain('nncompress.config.yaml: 2 jobs');
    const { jobs } = await loadConfig(join(folder, 'nncompress.config.yaml'));
    expect(
      jobs.map(({ command, options }) => [command, String(options.data).split(/[\\/]/).slice(-2).join('/')]),
    ).toEqual([
      ['quantize', 'spoken-digits/test'],
      ['quantize', 'fashion-mnist/t10k-images-idx3-ubyte.gz'],
    ]);
    expect(jobs[0]!.options).toMatchObject({ maxDrop: '1%', maxSize: 166189, force: true });
    expect(readFileSync(join(folder, 'nncompress.config.yaml'), 'utf8')).toContain('# minSpeedup: 1.2');
  });
  it('leaves out what does not run, and says so', () => {
    const folder = scratch();
    cpSync(join(root, 'fixtures/digits-m5/model.onnx'), join(folder, 'good.onnx'));
    writeFileSync(join(folder, 'bad.onnx'), 'x');
    const { status, stdout } = nncompress('init', folder);
    expect(status).toBe(0);
    expect(stdout).toMatch(/: 1 job\n.*good.onnx: no labelled data.*\n {2}left out .*bad.onnx: /);
    expect(readFileSync(join(folder, 'nncompress.config.yaml'), 'utf8')).not.toContain('bad.onnx');
  });
  it('replaces nothing unless told to, and wants a model', () => {
    const folder = scratch();
    expect(nncompress('init', folder)).toMatchObject({
      status: 2,
      stderr: expect.stringContaining('holds no ONNX file'),
    });
    cpSync(join(root, 'fixtures/digits-m5/model.onnx'), join(folder, 'model.onnx'));
    expect(nncompress('init', folder).stdout).toContain('no labelled data found');
    expect(nncompress('init', folder).stderr).toContain('the output exists; pass --force');
    expect(nncompress('init', folder, '--force').status).toBe(0);
    expect(nncompress('init', join(folder, 'none')).stderr).toContain('no such folder');
  });
});
