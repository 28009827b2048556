import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { Tensor } from '../../src/ir/tensor.js';
import { readModel } from '../../src/onnx/read.js';
import { writeModel } from '../../src/onnx/write.js';
import { nncompress, readReport, root, SPEECH, scratch } from './program.js';

const model = join(root, SPEECH[0]);
const data = join(root, SPEECH[1]);

/** Writes the speech model with its last weights halved in part: it still runs, and is wrong more often. */
async function harmedModel(path: string): Promise<string> {
  const harmed = readModel(model);
  const last = harmed.graph.nodes.filter(({ op }) => op === 'Gemm' || op === 'MatMul').at(-1)!;
  const weights = harmed.graph.initializers.get(last.inputs[1]!)!;
  const values = weights.toFloats().map((value, i) => (i % 3 ? value : -value));
  harmed.graph.initializers.set(weights.name, Tensor.from(weights.name, 'float32', weights.dims, [...values]));
  await writeModel(harmed, path);
  return path;
}

describe('check', () => {
  it('passes two good models and fails on a harmed one, with its report written', async () => {
    const folder = scratch();
    await harmedModel(join(folder, 'harmed.onnx'));
    const config = join(folder, 'nncompress.config.yaml');
    writeFileSync(
      config,
      `defaults: { data: '${data}', benchmark: false }
jobs:
  - { name: good, command: quantize, model: '${model}', output: small.onnx, gates: { maxDrop: 2%, maxSize: 100kB } }
  - { name: float, command: evaluate, model: '${model}', report: float.json, gates: { minRecall: { seven: 0.9 } } }
  - name: harmed
    command: compare
    original: '${model}'
    compressed: harmed.onnx
    report: harmed.json
    gates: { maxDrop: 2%, confidence: 0.95 }
`,
    );
    const { status, stdout } = nncompress('check', config, '--quiet');
    expect(status).toBe(1);
    expect(stdout).toMatch(
      /✓ good +2 of 2 gates kept\n✓ float +1 of 1 gates kept\n✗ harmed +0 of 1 gates kept {2}max-drop ≤ 2\.00 points: \d/,
    );
    expect(existsSync(join(folder, 'small.onnx'))).toBe(true);
    expect(readReport(join(folder, 'harmed.json')).gates).toMatchObject([{ name: 'max-drop', passed: false }]);

    const again = nncompress('check', config, '--job', 'float', '--force', '--json');
    expect(again.status).toBe(0);
    expect(JSON.parse(again.stdout)).toMatchObject({ passed: true, jobs: [{ name: 'float', report: {} }] });
  });

  it('goes on where a job cannot be run, and ends with code 2', () => {
    const folder = scratch();
    const config = join(folder, 'c.yaml');
    const evaluate = `command: evaluate, data: '${data}', limit: 5, benchmark: false`;
    writeFileSync(config, `jobs: [{ ${evaluate}, model: no.onnx }, { ${evaluate}, name: there, model: '${model}' }]`);
    const { status, stdout, stderr } = nncompress('check', config, '--quiet');
    expect({ status, stderr }).toEqual({ status: 2, stderr: '' });
    expect(stdout).toMatch(/✗ evaluate .*no\.onnx +not run +.*no such file/);
    expect(stdout).toMatch(/✓ there/);
  });

  it('checks every job before it runs the first', () => {
    const folder = scratch();
    const config = join(folder, 'c.yaml');
    const job = (rest: string) => `{ command: evaluate, model: '${model}', data: '${data}', ${rest} }`;
    writeFileSync(config, `jobs: [${job('limit: 5')}, ${job('limit: none')}]`);
    const { status, stderr, stdout } = nncompress('check', config);
    expect({ status, stdout }).toEqual({ status: 2, stdout: '' });
    expect(stderr).toBe(`nncompress: ${config}: jobs[1].limit: expected a whole number from 1, got 'none'\n`);
    writeFileSync(config, `jobs: [${job('name: a, report: r.json')}, ${job('name: b, report: r.json')}]`);
    expect(nncompress('check', config).stderr).toMatch(/jobs 'a' and 'b' both write .*r\.json; name two files\n$/);
  });
});

describe('--baseline', () => {
  it('keeps every metric from becoming worse', async () => {
    const folder = scratch();
    const [main, harmed] = [join(folder, 'main.json'), await harmedModel(join(folder, 'harmed.onnx'))];
    const evaluate = (path: string, ...args: string[]) =>
      nncompress(
        'evaluate',
        path,
        '--data',
        data,
        '--no-benchmark',
        '--features',
        'waveform',
        '--sample-rate',
        '8000',
        '--max-length',
        '8000',
        ...args,
      );
    expect(evaluate(model, '--report', main).status).toBe(0);
    const same = evaluate(model, '--baseline', main);
    expect(same.status).toBe(0);
    expect(same.stdout).toContain('min-accuracy ≥ 95.60 %: 95.60 % (baseline 95.60 %)');
    const report = join(folder, 'harmed.json');
    expect(evaluate(harmed, '--baseline', main, '--report', report).status).toBe(1);
    const failed = readReport(report).gates.filter(({ passed }) => !passed);
    expect(failed.map(({ name }) => name)).toContain('min-accuracy');
    expect(failed.every(({ baseline, value, limit }) => baseline !== undefined && value! < limit)).toBe(true);
  });

  it('is refused where data or task differ, or where it is no report', () => {
    const folder = scratch();
    const main = join(folder, 'main.json');
    const few = ['--data', data, '--no-benchmark', '--limit'];
    nncompress('evaluate', SPEECH[0], ...few, '10', '--report', main);
    const other = nncompress('evaluate', SPEECH[0], ...few, '11', '--baseline', main);
    expect(other.status).toBe(2);
    expect(other.stderr).toMatch(
      /main\.json: the baseline was measured on other data: 10 samples of .*, here 11 of .*\n$/,
    );
    const report = JSON.parse(readFileSync(main, 'utf8'));
    writeFileSync(main, JSON.stringify({ ...report, data: { ...report.data, classes: 12 } }));
    expect(nncompress('evaluate', SPEECH[0], ...few, '10', '--baseline', main).stderr).toContain(
      "the baseline's task is single-label with 12 classes, here it is single-label with 10 classes",
    );
    writeFileSync(main, '{}');
    expect(nncompress('evaluate', SPEECH[0], ...few, '10', '--baseline', main).stderr).toContain('is no report');
  });
});

describe('gates that cannot be measured', () => {
  it.each([
    [['--min-recall', 'twelve=0.5'], "--min-recall: the model has no class 'twelve'; its classes are zero, one"],
    [['--max-latency', '5ms', '--no-benchmark'], '--max-latency: latency is not measured with --no-benchmark'],
    [['--min-recall', 'one=7'], "--min-recall: expected a fraction such as 0.01 or 1%, got '7'"],
  ])('%j end with code 2 before anything is run', (args, message) => {
    const { status, stderr } = nncompress('evaluate', SPEECH[0], '--data', data, ...args);
    expect(status).toBe(2);
    expect(stderr).toContain(message);
  });
  it('without data too', () => {
    const { status, stderr } = nncompress('quantize', SPEECH[0], '--max-drop', '1%', '-o', join(scratch(), 'x.onnx'));
    expect(status).toBe(2);
    expect(stderr).toBe('nncompress: --max-drop: needs labelled test data; name some with --data\n');
  });
});

describe('a run from its report', () => {
  it('gives the same figures', () => {
    const folder = scratch();
    const [first, second] = [join(folder, 'first.json'), join(folder, 'second.json')];
    const args = ['--data', data, '--limit', '30', '--no-benchmark', '--min-recall', 'zero=0.1'];
    nncompress('evaluate', SPEECH[0], ...args, '--report', first);
    expect(nncompress('evaluate', '--config', first, '--report', second).status).toBe(0);
    const [a, b] = [readReport(first), readReport(second)];
    expect(b.models).toEqual(a.models);
    expect(b.gates).toEqual(a.gates);
    expect(b.data).toEqual(a.data);
  });
});
