import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeEach, describe, expect, it } from 'vitest';
import { Emitter } from '../../src/ir/emitter.js';
import { readModel } from '../../src/onnx/read.js';
import { encodeModel } from '../../src/onnx/write.js';
import { FEATURES, IMAGES, nncompress, root, SPEECH, scratch, TEXTS } from './program.js';

let folder: string;
beforeEach(() => {
  folder = scratch();
  mkdirSync(at('empty'));
});
const at = (...names: string[]) => join(folder, ...names);
const [model, data] = SPEECH.map((path) => join(root, path)) as [string, string];
const FEW = ['--data', data, '--limit', '5', '--no-benchmark'];

/** Writes a file of the test's folder. */
function file(name: string, content: string): string {
  writeFileSync(at(name), content);
  return at(name);
}

/** Expects exit code 2, one line on stderr, nothing on stdout and nothing written. */
function refuse(args: string[], line: string | RegExp): void {
  const before = readdirSync(folder, { recursive: true });
  const { status, stdout, stderr } = nncompress(...args, '--quiet');
  expect(stderr).toMatch(/^nncompress: [^\n]+\n$/);
  expect(stderr.slice('nncompress: '.length, -1).replaceAll(`${folder}/`, '')).toMatch(line);
  expect({ status, stdout }).toEqual({ status: 2, stdout: '' });
  expect(readdirSync(folder, { recursive: true })).toEqual(before);
}

describe('check refuses a config', () => {
  const job = (rest: string) => `jobs: [{command: evaluate, model: '${model}', data: '${data}', ${rest}}]`;
  it.each([
    ['jobs: [ {command: evaluate', /^c.yaml: is not YAML: .* at line 1, column \d+; repair it$/],
    ['jobs:\n\t- command: evaluate', /^c.yaml: is not YAML: Tabs are not allowed as indentation at line 2/],
    ['', /^c.yaml: expected an object, got null$/],
    ['jobs: []', /^c.yaml: jobs: holds no job$/],
    ['jobs: [null]', /^c.yaml: jobs\[0\]: expected an object with a command$/],
    ['jobs: [{command: evaluat}]', /^c.yaml: jobs\[0\].command: unknown command 'evaluat'; did you mean evaluate\?$/],
    ['job: []', /^c.yaml: unknown key 'job'; did you mean jobs\?$/],
    [job('dta: x'), /^c.yaml: jobs\[0\]: unknown key 'dta'; did you mean data\?$/],
    [job('gates: {minAcuracy: 1}'), /^c.yaml: jobs\[0\].gates: unknown key 'minAcuracy'; did you mean minAccuracy\?$/],
    [job('gates: {minAccuracy: 90}'), /^c.yaml: jobs\[0\].gates.minAccuracy: .*got '90'; for 90 percent write 90%$/],
    [job('gates: {maxDrop: 1%}'), /^c.yaml: jobs\[0\].gates: unknown key 'maxDrop'; known are minAccuracy, /],
    [job('gates: {maxSize: 5parsec}'), /^c.yaml: jobs\[0\].gates.maxSize: expected a size .*, got '5parsec'$/],
    [job('gates: {maxLatency: 5kg}'), /^c.yaml: jobs\[0\].gates.maxLatency: expected a time .*, got '5kg'$/],
    [job('report: r.docx'), /^.*r.docx: there is no report format for '.docx'; name a file with the ending/],
    [job('report: none/r.json'), /^.*none.r.json: the folder of the output does not exist; create .*none first$/],
    [
      'jobs: [{name: a, command: evaluate, model: x}, {name: a, command: evaluate, model: y}]',
      /^c.yaml: jobs\[1\].name: 'a' is the name of jobs\[0\] too; name them differently$/,
    ],
  ])('%s', (text, line) => refuse(['check', file('c.yaml', text)], line));

  it('in broken JSON, and what is no file', () => {
    refuse(['check', file('c.json', '{"jobs": [}')], /^c.json: is not JSON: .*; repair it$/);
    refuse(['check', at('empty')], /^empty: is a folder, not a file; name a file$/);
    refuse(['check', at('no.yaml')], /^no.yaml: no such file; check the path of the config file, or write one with/);
  });

  it('before the first job is run, where the report of a later one exists', () => {
    file('old.json', '{}');
    const run = `command: evaluate, model: '${model}', data: '${data}', limit: 5, benchmark: false`;
    const config = file('c.yaml', `jobs: [{${run}, report: new.json}, {${run}, name: b, report: old.json}]`);
    refuse(['check', config], /old.json: the output exists; pass --force to replace it or name another with --report$/);
  });
});

describe('evaluate refuses', () => {
  const evaluate = (...args: string[]) => ['evaluate', model, ...FEW, ...args];
  it.each([
    [['--min-recall', 'foo'], /^--min-recall: expected a fraction such as 0.01 or 1%, got 'foo'$/],
    [['--min-recall', 'zero='], /^--min-recall: expected a fraction such as 0.01 or 1%, got ''$/],
    [['--min-recall', 'nope=0.5'], /^--min-recall: the model has no class 'nope'; its classes are zero, one/],
    [['--min-accuracy', 'NaN'], /^--min-accuracy: expected a fraction such as 0.01 or 1%, got 'NaN'$/],
    [['--max-size', '5XB'], /^--max-size: expected a size such as .*, got '5XB'$/],
    [['--max-latency', '5ms'], /^--max-latency: latency is not measured with --no-benchmark; leave one out$/],
    [['--max-drop', '1%'], /^unknown option '--max-drop'/],
    [['--report', 'a'], /^a: there is no report format for 'no ending'; name a file with the ending .json, /],
    [['--limit', '0'], /^--limit: expected a whole number from 1, got '0'$/],
    [['--tolerance', '1%'], /^--tolerance: says how much worse than a baseline .* and none is given; name the report/],
    [['--cost-tolerance', '1%'], /^--cost-tolerance: says how much worse than a baseline .* and none is given; name/],
  ])('%j', (args, line) => refuse(evaluate(...args), line));

  it('a part of data that is one file', () => {
    const [texts, table] = TEXTS.map((path) => join(root, path)) as [string, string];
    const line = /^--split: chooses a part of a folder, and .*test.csv is one file; leave it out, or name the folder$/;
    refuse(['evaluate', texts, '--data', table, '--split', 'test'], line);
  });

  it('a report that cannot be written', () => {
    refuse(evaluate('--report', at('none', 'r.json')), /^none.r.json: the folder of the output does not exist/);
    refuse(
      evaluate('--report', at(file('f', '').slice(folder.length + 1), 'r.json')),
      /folder of the output is a file/,
    );
    mkdirSync(at('r.json'));
    refuse(evaluate('--report', at('r.json')), /^r.json: the output is a folder; name a file with --report$/);
  });

  it('a baseline that is none', () => {
    const mend = 'give a report written by nncompress --report FILE.json$';
    refuse(evaluate('--baseline', at('no.json')), new RegExp(`^no.json: no such file; ${mend}`));
    refuse(evaluate('--baseline', at('empty')), new RegExp(`^empty: is a folder, not a file; ${mend}`));
    refuse(evaluate('--baseline', file('b.json', '{')), new RegExp(`^b.json: is not JSON: .*; ${mend}`));
    refuse(
      evaluate('--baseline', file('b.json', 'null')),
      new RegExp(`^b.json: is no report: expected object, got null; ${mend}`),
    );
  });

  it('a report without a model, as a baseline and as a run to repeat', () => {
    expect(nncompress(...evaluate('--report', at('r.json'))).status).toBe(0);
    const report = JSON.parse(readFileSync(at('r.json'), 'utf8'));
    file('r.json', JSON.stringify({ ...report, models: [] }));
    refuse(evaluate('--baseline', at('r.json')), /^r.json: holds no model to compare with; give the report of a run$/);
    refuse(['evaluate', '--config', at('r.json')], /^r.json: models: names no original model$/);
  });

  it('a baseline of other data', () => {
    expect(nncompress(...evaluate('--report', at('r.json'))).status).toBe(0);
    const texts = ['evaluate', TEXTS[0], '--data', TEXTS[1], '--limit', '5', '--no-benchmark'];
    refuse(
      [...texts, '--baseline', at('r.json')],
      /^r.json: the baseline's task is single-label with 10 classes, here/,
    );
  });

  it('names of classes that are not there, too few, or no names', () => {
    refuse(evaluate('--labels', at('no.txt')), /^no.txt: there is no such file; check the path$/);
    refuse(evaluate('--labels', file('l.txt', 'a\nb\n')), /: the model gives 10 values, 2 classes are named \(a, b\)/);
    refuse(evaluate('--labels', file('l.json', '{}')), /^l.json: names no classes; give id2label/);
  });

  it('data that the model cannot take, naming the model', () => {
    const says = /^.*banking-textcnn.model.onnx: input 'input_ids' \(int64\) is not one that audio fills; /;
    refuse(['evaluate', TEXTS[0], '--data', data], says);
    refuse(['compare', model, join(root, TEXTS[0]), ...FEW], says);
  });
});

describe('compare refuses', () => {
  const compare = (...args: string[]) => ['compare', model, model, ...args];
  it.each([
    [['--confidence', '95'], /^--confidence: expected a number between 0 and 1, got '95'$/],
    [['--min-speedup', '1'], /^--min-speedup: latency is not measured with --no-benchmark; leave one out$/],
    [['--min-recall', 'nope=0.1'], /^--min-recall: the model has no class 'nope'/],
  ])('%j', (args, line) => refuse(compare(...FEW, ...args), line));

  it('a gate on accuracy where there are no labels', () => {
    const texts = file('t.csv', 'text\nwhere is my card\n');
    const args = ['compare', TEXTS[0], TEXTS[0], '--data', texts, '--no-benchmark', '--max-drop', '1%'];
    refuse(args, /^--max-drop: the data has no labels: t.csv; give labelled data, or name --label-column$/);
  });

  it('a folder without a model', () => {
    refuse(['compare', at('empty'), model, ...FEW], /^.*empty: the folder holds no .onnx file; name a model, or a/);
  });
});

describe('init refuses', () => {
  it('folders that are none, hold no model, or none that runs', () => {
    refuse(['init', at('no')], /^no: no such folder; name the folder that holds the models$/);
    refuse(['init', at('empty')], /empty: holds no ONNX file; name the folder that holds the models$/);
    file('model.onnx', 'x');
    refuse(['init', folder], /model.onnx: .*/);
  });
  it('to replace a config', () => {
    file('nncompress.config.yaml', 'mine');
    refuse(['init', folder], /nncompress.config.yaml: the output exists; pass --force to replace it$/);
  });
});

describe('a gate that fails', () => {
  it('ends evaluate and compare with code 1, every report written', () => {
    const reports = ['json', 'md', 'html', 'xml'].map((ending) => at(`r.${ending}`));
    const asked = reports.flatMap((path) => ['--report', path]);
    const { status } = nncompress(
      'evaluate',
      ...IMAGES.flatMap((path, k) => (k ? ['--data', path] : [path])),
      ...['--limit', '200', '--no-benchmark', '--min-accuracy', '99%'],
      ...asked,
    );
    expect(status).toBe(1);
    const pair = nncompress(
      'compare',
      model,
      FEATURES[0],
      '--data',
      data,
      '--no-benchmark',
      '--max-size',
      '1kB',
      '--force',
      ...asked,
    );
    expect(pair.status).toBe(1);
    expect(JSON.parse(readFileSync(at('r.json'), 'utf8')).gates).toMatchObject([{ name: 'max-size', passed: false }]);
    for (const path of reports) expect(readFileSync(path, 'utf8')).toContain('max-size');
  });
});

describe('distill refuses before the teacher runs', () => {
  const args = ['distill', model, '--teacher', model, '--train', data, '-o'];
  it.each([
    [['--validation', 'none'], /^none: .*no such/],
    [
      ['--batch', '100000'],
      /^.*test: has \d+ samples to train on, fewer than the 100000 of a batch; give more samples/,
    ],
    [['--augment', 'flip'], /^--augment: /],
  ])('%j', (more, line) => refuse([...args, at('out.onnx'), ...more], line));

  it('a student whose weights gradients do not reach', () => {
    const student = readModel(model).clone();
    const [output] = student.graph.outputs;
    const g = new Emitter(student, 'after');
    output!.name = g.op('Hardmax', [output!.name], { axis: -1 });
    writeFileSync(at('student.onnx'), encodeModel(student));
    const [, , ...rest] = args;
    const line =
      /^student.onnx: cannot be trained: after.Hardmax \(Hardmax\): no gradient gets from here to a weight; leave out/;
    refuse(['distill', at('student.onnx'), ...rest, at('out.onnx')], line);
  });
});
