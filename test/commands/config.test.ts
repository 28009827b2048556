import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, relative } from 'node:path';
import { describe, expect, it, onTestFinished } from 'vitest';
import { chooseJob, findConfig, loadConfig } from '../../src/commands/config.js';
import { resolveInvocation } from '../../src/commands/invocation.js';
import { parseOptions } from '../../src/commands/parse-options.js';
import { quantizeOptions } from '../../src/commands/quantize-options.js';
import { quantizeReport } from '../report/example.js';

/** A folder with some files. */
function folderOf(files: Readonly<Record<string, string>>): string {
  const folder = mkdtempSync(join(tmpdir(), 'nncompress-config-'));
  onTestFinished(() => rmSync(folder, { recursive: true }));
  for (const [name, text] of Object.entries(files)) writeFileSync(join(folder, name), text);
  return folder;
}

const yaml = (text: string) => join(folderOf({ 'c.yaml': text }), 'c.yaml');
const job = (fields: string) => yaml(`jobs: [{ command: quantize, model: m.onnx, ${fields} }]`);

describe('a config file', () => {
  it('holds jobs, with defaults for those that know them', async () => {
    const file = yaml(`
      defaults: { data: test, method: static, gates: { maxDrop: 1% } }
      jobs:
        - { command: quantize, model: m.onnx, gates: { minRecall: { cat: 0.8 } } }
        - { name: plain, command: evaluate, model: m.onnx, data: other }`);
    const { jobs } = await loadConfig(file);
    const here = (name: string) => relative('', join(file, '..', name));
    expect(jobs).toMatchObject([
      {
        name: `quantize ${here('m.onnx')}`,
        options: { data: here('test'), method: 'static', maxDrop: '1%', minRecall: { cat: 0.8 } },
      },
      { name: 'plain', command: 'evaluate', models: [here('m.onnx')], options: { data: here('other') } },
    ]);
    expect(jobs[1]!.options).not.toHaveProperty('method');
    expect(parseOptions(quantizeOptions, jobs[0]!.options)).toMatchObject({
      maxDrop: 0.01,
      minRecall: [{ class: 'cat', limit: 0.8 }],
    });
  });
  it('may be JSON, or a part of package.json', async () => {
    const config = { jobs: [{ command: 'compare', original: '/a.onnx', compressed: '/b.onnx', layers: true }] };
    const folder = folderOf({
      'package.json': JSON.stringify({ name: 'x', nncompress: config }),
      'c.json': JSON.stringify(config),
    });
    expect(await findConfig(folder)).toBe(join(folder, 'package.json'));
    for (const name of ['package.json', 'c.json'])
      expect((await loadConfig(join(folder, name))).jobs).toMatchObject([
        { command: 'compare', models: ['/a.onnx', '/b.onnx'], options: { layers: true } },
      ]);
  });
  it('names a student as a file or as a template', async () => {
    const { jobs } = await loadConfig(
      yaml(`
      defaults: { teacher: /t.onnx, train: /train }
      jobs:
        - { command: distill, student: /s.onnx }
        - { command: distill, student: cnn:small, name: new }
        - { command: distill, student: gru, teacher: /other.onnx, name: found }`),
    );
    expect(jobs).toMatchObject([
      { name: 'distill /s.onnx', models: ['/s.onnx'] },
      { name: 'new', models: [], options: { student: 'cnn:small', teacher: '/t.onnx' } },
      { name: 'found', models: [], options: { student: 'gru', teacher: '/other.onnx' } },
    ]);
    expect(jobs[0]!.options).not.toHaveProperty('student');
  });

  it('is found by its name, YAML first', async () => {
    const folder = folderOf({ 'nncompress.config.json': '{}', 'nncompress.config.yaml': '', 'package.json': '{}' });
    expect(await findConfig(folder)).toBe(join(folder, 'nncompress.config.yaml'));
    mkdirSync(join(folder, 'empty'));
    await expect(findConfig(join(folder, 'empty'))).rejects.toThrow('write one with nncompress init');
  });
});

it('a report of an earlier version is taken again, with tolerances that there was no baseline for', async () => {
  const report = (options: object) => {
    const text = JSON.stringify({ ...quantizeReport, command: 'evaluate', options: { data: 'test', ...options } });
    return join(folderOf({ 'r.json': text }), 'r.json');
  };
  const optionsOf = async (options: object) => (await loadConfig(report(options))).jobs[0]!.options;
  expect(await optionsOf({ tolerance: 0, costTolerance: 0.1 })).toEqual({ data: 'test' });
  const compared = { baseline: 'b.json', tolerance: 0.01 };
  expect(await optionsOf(compared)).toEqual({ data: 'test', ...compared });
});

describe('mistakes in a config file name the place and the nearest known key', () => {
  it.each([
    ['jobs: [', /^.*c\.yaml: is not YAML: .* at line 1, column 8; repair it$/],
    ['a: 1\na: 2', 'is not YAML: Map keys must be unique at line 2, column 1'],
    ['', 'c.yaml: expected an object, got null'],
    ['jobs: []', 'c.yaml: jobs: holds no job'],
    ['job: []', "c.yaml: unknown key 'job'; did you mean jobs?"],
    [
      'jobs: [{ model: x }]',
      'jobs[0].command: has no command; name one of quantize, prune, finetune, distill, adapt, evaluate, compare',
    ],
    ['jobs: [{ command: quantise }]', "jobs[0].command: unknown command 'quantise'; did you mean quantize?"],
    ['jobs: [{ command: evaluate, modl: x }]', "jobs[0]: unknown key 'modl'; did you mean model?"],
    [
      'defaults: { dta: x }\njobs: [{ command: evaluate, model: x }]',
      "defaults: unknown key 'dta'; did you mean data?",
    ],
  ])('%j', async (text, message) => {
    await expect(loadConfig(yaml(text))).rejects.toThrow(message);
  });
  it.each([
    ['calibration-samples: 5', "jobs[0]: unknown key 'calibration-samples'; did you mean calibrationSamples?"],
    ['maxDrop: 0.1', "jobs[0]: unknown key 'maxDrop'; did you mean gates.maxDrop?"],
    ['gates: { maxdrp: 0.1 }', "jobs[0].gates: unknown key 'maxdrp'; did you mean maxDrop?"],
    [
      'gates: { maxSize: 5parsec }',
      "jobs[0].gates.maxSize: expected a size such as 800000, 800kB, 1.5MB or 512KiB, got '5parsec'",
    ],
    ['gates: { maxDrop: true }', 'jobs[0].gates.maxDrop: expected a fraction such as 0.01 or 1%, got true'],
    ['gates: { minRecall: { cat: 5 } }', "jobs[0].gates.minRecall: expected a fraction such as 0.01 or 1%, got '5'"],
    [
      'method: statik',
      "jobs[0].method: expected auto, static, dynamic, int8-weights, int4-weights or fp16, got 'statik'",
    ],
    ['perChannel: "yes"', "jobs[0].perChannel: expected true or false, got 'yes'"],
    ['data: ', 'jobs[0].data: expected a path, got null'],
  ])('%s', async (fields, message) => {
    await expect(loadConfig(job(fields))).rejects.toThrow(message);
  });
  it('too where only all options together show them', async () => {
    const [first] = (await loadConfig(job('blockSize: 48'))).jobs;
    expect(() => parseOptions(quantizeOptions, first!.options, first!.placeOf)).toThrow(
      'c.yaml: jobs[0].blockSize: expected a power of two from 16',
    );
  });
  it('and where the file is missing or of no use', async () => {
    const folder = folderOf({ 'package.json': '{}', 'c.json': '{' });
    await expect(loadConfig(join(folder, 'no.yaml'))).rejects.toThrow('no.yaml: no such file');
    await expect(loadConfig(join(folder, 'c.json'))).rejects.toThrow('c.json: is not JSON');
    await expect(loadConfig(join(folder, 'package.json'))).rejects.toThrow('has no key "nncompress"');
  });
});

describe('--config', () => {
  const several = `
    defaults: { data: /test, limit: 10 }
    jobs:
      - { name: a, command: evaluate, model: /a.onnx }
      - { name: b, command: evaluate, model: /b.onnx }
      - { name: q, command: quantize, model: /a.onnx }`;

  it('gives what is not on the command line', async () => {
    const given = { config: yaml(several), job: 'b', limit: '20', quiet: true, color: true };
    const found = await resolveInvocation('evaluate', [], given, new Set(['config', 'job', 'limit', 'quiet']));
    expect(found).toMatchObject({
      models: ['/b.onnx'],
      options: { data: '/test', limit: '20', quiet: true, color: true },
    });
    expect(found.placeOf('limit')).toEqual({ file: '--limit' });
    expect(found.placeOf('data').where).toBe('defaults.data');
  });
  it('takes the job of the model that is named', async () => {
    expect(chooseJob(await loadConfig(yaml(several)), 'evaluate', ['/a.onnx'], undefined).name).toBe('a');
    expect(chooseJob(await loadConfig(yaml(several)), 'quantize', [], undefined).name).toBe('q');
  });
  it('asks which job is meant', async () => {
    const config = await loadConfig(yaml(several));
    expect(() => chooseJob(config, 'evaluate', [], undefined)).toThrow(
      '2 evaluate jobs fit: a; b; name one with --job',
    );
    expect(() => chooseJob(config, 'compare', [], undefined)).toThrow('no compare jobs fit');
    expect(() => chooseJob(config, 'evaluate', [], 'c')).toThrow('no evaluate jobs fit: a; b');
  });
  it('need not be given, but then the model must', async () => {
    await expect(resolveInvocation('compare', ['a.onnx'], {}, new Set())).rejects.toThrow(
      "missing required argument 'compressed'",
    );
    expect((await resolveInvocation('distill', [], {}, new Set())).models).toEqual([undefined]);
  });
  it('puts a student on the command line before the one of the job', async () => {
    const config = yaml('jobs: [{ command: distill, student: cnn, teacher: /t.onnx, train: /train }]');
    const { models, options } = await resolveInvocation('distill', ['s.onnx'], { config }, new Set(['config']));
    expect([models, options.student]).toEqual([['s.onnx'], undefined]);
  });
});
