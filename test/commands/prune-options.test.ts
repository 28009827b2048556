import { describe, expect, it } from 'vitest';
import { parseOptions } from '../../src/commands/parse-options.js';
import { kindOf, pruneOptions } from '../../src/commands/prune-options.js';

const parse = (given: object) => parseOptions(pruneOptions, given);

describe('prune', () => {
  it.each([
    [{ macs: '0.5' }, 'channels'],
    [{ size: '800kB' }, 'channels'],
    [{ sparsity: 0.8, unstructured: true }, 'weights'],
    [{ pattern: '2:4' }, 'weights'],
    [{ layers: 2 }, 'layers'],
  ])('of %j removes %s', (given, kind) => {
    expect(kindOf(parse(given))).toBe(kind);
  });

  it.each([
    ['0.5', 0.5],
    ['50%', 0.5],
    [0.5, 0.5],
    ['800kB', 800_000],
    [800_000, 800_000],
  ])('takes a size as a share or in bytes: %s', (size, expected) => {
    expect(parse({ size }).size).toBe(expected);
  });

  it('takes its own output', () => {
    const options = parse({ pattern: '2:4', exclude: 'head*', round: '8' });
    expect(options).toMatchObject({ pattern: [2, 4], exclude: ['head*'], round: 8 });
    expect(parse(options)).toEqual(options);
    const measuring = parse({ sensitivity: '25%,0.5', data: 'test' });
    expect(measuring).toMatchObject({ sensitivity: [0.25, 0.5] });
    expect(parse(measuring)).toEqual(measuring);
  });

  it.each([
    [{}, 'nothing is asked for: name a target'],
    [{ macs: 0.5, layers: 2 }, '--layers: channels, single weights and whole layers are pruned in runs of their own'],
    [{ macs: 0.5, sparsity: 0.5, unstructured: true }, '--sparsity: channels, single weights and whole layers'],
    [{ macs: 0.5, latency: 0.5 }, '--latency: one target at a time: leave out this one or --macs'],
    [{ sparsity: 0.5 }, '--sparsity: add --unstructured'],
    [{ unstructured: true }, '--unstructured: say how many weights become zero'],
    [{ sparsity: 1.2, unstructured: true }, "--sparsity: expected a fraction such as 0.01 or 1%, got '1.2'"],
    [{ sparsity: -0.2, unstructured: true }, "--sparsity: expected a fraction such as 0.01 or 1%, got '-0.2'"],
    [{ sparsity: 0, unstructured: true }, '--sparsity: expected more than 0, got 0'],
    [{ sparsity: '100%', unstructured: true }, '--sparsity: expected less than 1, got 1'],
    [{ pattern: '4:2' }, "--pattern: expected how many weights of how many stay, such as 2:4, got '4:2'"],
    [{ pattern: '2:4', sparsity: 0.5 }, '--sparsity: a pattern says itself how many weights are zero'],
    [{ pattern: '2:4', steps: 3 }, '--steps: a pattern is there at once'],
    [{ macs: 0.5, sparseInitializers: true }, '--sparse-initializers: is there for single weights alone'],
    [{ layers: 2, importance: 'l1' }, "--importance: expected effect or even for layers, got 'l1'"],
    [{ sensitivity: '0.5' }, '--sensitivity: needs data to measure on'],
    [{ sensitivity: '0.5,1', data: 'd' }, '--sensitivity: expected shares between 0 and 1 separated by commas such as'],
    [{ sensitivity: 0.5, data: 'd', macs: 0.5 }, '--macs: nothing is pruned or written with --sensitivity'],
    [{ sensitivity: 0.5, data: 'd', maxDrop: 0.1 }, '--max-drop: nothing is pruned or written with --sensitivity'],
    [{ sensitivity: 0.5, data: 'd', importance: 'lamp' }, '--importance: expected reconstruction or l1'],
    [{ macs: 0.5, launcher: 'mpi' }, '--launcher: shares out training, and there is none: add --train'],
    [{ macs: 0.5, launcher: 'mpi', train: 't', dryRun: true }, '--launcher: shares out training, and there is none'],
    [{ sensitivity: 0.5, data: 'd', launcher: 'mpi' }, '--launcher: shares out training, and --sensitivity measures'],
    [{ layers: 0 }, '--layers: expected a whole number from 1, got 0'],
  ])('refuses %j', (given, message) => {
    expect(() => parse(given)).toThrow(message);
  });
});
