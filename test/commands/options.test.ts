import { Command } from 'commander';
import { describe, expect, it } from 'vitest';
import { compareArguments, evaluateArguments, quantizeArguments } from '../../src/commands/arguments.js';
import { optionKeys } from '../../src/commands/config-schema.js';
import { evaluateOptions } from '../../src/commands/evaluate-options.js';
import { parseOptions } from '../../src/commands/parse-options.js';
import { type QuantizeOptions, quantizeOptions } from '../../src/commands/quantize-options.js';

function quantize(...args: string[]): QuantizeOptions {
  const command = quantizeArguments(new Command()).action(() => {});
  command.parse(['model.onnx', ...args], { from: 'user' });
  return parseOptions(quantizeOptions, command.opts());
}

describe('quantize', () => {
  it('has defaults', () => {
    expect(quantize()).toMatchObject({
      method: 'auto',
      prefer: 'speed',
      calibrationSamples: 256,
      device: 'cpu',
      seed: 0,
      blockSize: 32,
      benchmark: true,
      report: [],
      exclude: [],
    });
    expect(quantize()).toMatchObject({ perChannel: undefined, symmetric: undefined });
    expect(quantize().reduceRange).toBeUndefined();
  });
  it('reads numbers with units', () => {
    expect(quantize('--max-size', '1.5MB', '--max-latency', '2ms', '--max-drop', '0.5%')).toMatchObject({
      maxSize: 1_500_000,
      maxLatency: 2,
      maxDrop: 0.005,
    });
    expect(quantize('--max-size', '2KiB', '--max-latency', '1.5s')).toMatchObject({ maxSize: 2048, maxLatency: 1500 });
  });
  it('collects what may be repeated', () => {
    expect(
      quantize('--report', 'a.json', '--report', 'b.html', '--exclude', '/head/*', '--ops', 'Conv, MatMul'),
    ).toMatchObject({ report: ['a.json', 'b.html'], exclude: ['/head/*'], ops: ['Conv', 'MatMul'] });
  });
  it('turns pairs of flags into one choice', () => {
    expect(quantize('--per-tensor', '--asymmetric')).toMatchObject({ perChannel: false, symmetric: false });
    expect(quantize('--per-channel', '--symmetric')).toMatchObject({ perChannel: true, symmetric: true });
    expect(quantize('--no-reduce-range', '--no-benchmark')).toMatchObject({ reduceRange: false, benchmark: false });
  });
  it.each([
    ['--threads', 'x', "--threads: expected a whole number from 1, got 'x'"],
    ['--threads', '0', "--threads: expected a whole number from 1, got '0'"],
    ['--method', 'int7', "--method: expected auto, static, dynamic, int8-weights, int4-weights or fp16, got 'int7'"],
    ['--device', 'tpu', "--device: expected cpu, cuda, webgpu or auto, got 'tpu'"],
    ['--max-drop', '2', "--max-drop: expected a fraction such as 0.01 or 1%, got '2'; for 2 percent write 2%"],
    ['--max-size', '3XB', "--max-size: expected a size such as 800000, 800kB, 1.5MB or 512KiB, got '3XB'"],
    ['--block-size', '48', '--block-size: expected a power of two from 16'],
    ['--mean', '0.5,', "--mean: expected numbers separated by commas, got '0.5,'"],
    ['--resize', '12y', "--resize: expected a size such as 224 or 224x224, got '12y'"],
    ['--data', '', '--data: expected a path, got nothing'],
  ])('refuses %s %s in one line', (flag, value, message) => {
    expect(() => quantize(flag, value)).toThrow(message);
  });
});

describe('evaluate', () => {
  it('needs data', () => {
    const command = evaluateArguments(new Command()).action(() => {});
    command.parse(['model.onnx'], { from: 'user' });
    expect(() => parseOptions(evaluateOptions, command.opts())).toThrow('--data: is missing');
  });
});

describe('values from config files and programs', () => {
  it('may be numbers and lists', () => {
    const given = {
      maxDrop: 0.01,
      mean: [0.5, 0.25],
      resize: [224, 320],
      ops: ['Conv'],
      report: 'r.json',
      exclude: 'a*',
    };
    expect(parseOptions(quantizeOptions, given)).toMatchObject({
      maxDrop: 0.01,
      mean: [0.5, 0.25],
      resize: [224, 320],
      ops: ['Conv'],
      report: ['r.json'],
      exclude: ['a*'],
    });
  });
  it('may be what they became, so that a run can be repeated', () => {
    const args = ['--resize', '224x320', '--mean', '0.5', '--per-tensor', '--max-size', '1MB', '--min-recall', '0.5'];
    const options = quantize(...args, '--min-recall', 'cat=80%', '--cost-tolerance', '5%', '--ops', 'Conv,Gemm');
    expect(options.minRecall).toEqual([{ limit: 0.5 }, { class: 'cat', limit: 0.8 }]);
    expect(parseOptions(quantizeOptions, JSON.parse(JSON.stringify(options)))).toEqual(options);
  });
  it('name recall by class', () => {
    const minRecall = { cat: 0.8, dog: '90%' };
    expect(parseOptions(quantizeOptions, { minRecall }).minRecall).toEqual([
      { class: 'cat', limit: 0.8 },
      { class: 'dog', limit: 0.9 },
    ]);
  });
});

describe('every option of the command line', () => {
  it.each([
    ['quantize', quantizeArguments],
    ['evaluate', evaluateArguments],
    ['compare', compareArguments],
  ] as const)('of %s is known to its schema', (name, declare) => {
    const declared = declare(new Command()).options.map((option) => option.attributeName());
    const known = [...optionKeys(name), 'config', 'job'];
    expect(declared.filter((key) => !known.includes(key))).toEqual([]);
    expect(known.filter((key) => !declared.includes(key))).toEqual([]);
  });
});
