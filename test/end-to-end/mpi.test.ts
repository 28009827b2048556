import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { hasMpi, mpirun } from '../parallel/mpirun.js';
import { FEATURES, isThorough, nncompress, program, root, SPEECH, scratch } from './program.js';

const finetune = (output: string, ...more: string[]) => [
  ...['finetune', join(root, SPEECH[0]), '--train', join(root, 'fixtures/spoken-digits/train'), '-o', output],
  ...['--epochs', '1', '--lr', '1e-4', '--no-benchmark', ...more],
];

describe.skipIf(!hasMpi)('processes that mpirun started', () => {
  it.each([
    ['copies', 2, ['--workers', '2'], []],
    ['stages of a pipeline', 2, ['--pipeline', '2'], ['--pipeline', '2']],
    ...(isThorough ? [['pipelines', 4, ['--workers', '2', '--pipeline', '2'], ['--pipeline', '2']] as const] : []),
  ] as const)('write what as many %s in one process write, once', (_, count, local, spread) => {
    const folder = scratch();
    const [threads, processes] = [join(folder, 'threads.onnx'), join(folder, 'processes.onnx')];
    expect(nncompress(...finetune(threads, ...local)).status).toBe(0);
    const { status, stdout } = mpirun(count, program, ...finetune(processes, '--launcher', 'mpi', ...spread));
    expect(status).toBe(0);
    expect(stdout.match(/finetune, /g)).toHaveLength(1);
    expect(readFileSync(processes)).toEqual(readFileSync(threads));
  });
});

describe.skipIf(!hasMpi)('processes that train what the first of them pruned', () => {
  it('write what as many copies in one process write', () => {
    const folder = scratch();
    const [threads, processes] = [join(folder, 'threads.onnx'), join(folder, 'processes.onnx')];
    const prune = (output: string, ...more: string[]) => [
      ...['prune', join(root, SPEECH[0]), '--train', join(root, 'fixtures/spoken-digits/train'), '--macs', '0.6'],
      ...(isThorough ? ['--steps', '2', '--data', join(root, SPEECH[1])] : []),
      ...['--epochs', '1', '--lr', '1e-4', '--calibration-samples', '16', '--no-benchmark', '-o', output, ...more],
    ];
    expect(nncompress(...prune(threads, '--workers', '2')).status).toBe(0);
    const { status, stdout } = mpirun(2, program, ...prune(processes, '--launcher', 'mpi'));
    expect(status).toBe(0);
    expect(stdout.match(/prune, /g)).toHaveLength(1);
    expect(readFileSync(processes)).toEqual(readFileSync(threads));
  });
});

describe.runIf(hasMpi && isThorough)('stages of a student in processes', () => {
  it('learn what they learn in threads', () => {
    const folder = scratch();
    const [threads, processes] = [join(folder, 'threads.onnx'), join(folder, 'processes.onnx')];
    const distill = (output: string, ...more: string[]) => [
      ...['distill', join(root, SPEECH[0]), '--teacher', join(root, FEATURES[0]), '--pipeline', '2', '--no-benchmark'],
      ...['--train', join(root, 'fixtures/spoken-digits/train'), '--epochs', '1', '--lr', '1e-4', '--batch', '16'],
      ...['-o', output, ...more],
    ];
    expect(nncompress(...distill(threads)).status).toBe(0);
    expect(mpirun(2, program, ...distill(processes, '--launcher', 'mpi')).status).toBe(0);
    expect(readFileSync(processes)).toEqual(readFileSync(threads));
  }, 120_000);
});

describe.skipIf(!hasMpi)('a process that finds other data than the first', () => {
  it('ends the job before it begins', () => {
    const output = join(scratch(), 'other.onnx');
    const isSecond = "process.env.OMPI_COMM_WORLD_RANK === '1'";
    const other = `if (${isSecond}) process.argv[process.argv.indexOf('--train') + 1] = '${SPEECH[1]}';`;
    const script = ['-e', `${other} import('${program}')`, program];
    const { status, stderr } = mpirun(2, ...script, ...finetune(output, '--launcher', 'mpi'));
    expect(status).toBe(2);
    expect(stderr).toContain(
      'nncompress: --launcher mpi: process 1 finds another model or other data than process 0, or has other options; ',
    );
    expect(existsSync(output)).toBe(false);
  });
});

describe('mpirun and the launcher', () => {
  it('go together', () => {
    const { status, stderr } = nncompress(...finetune('x.onnx', '--launcher', 'mpi'));
    expect([status, stderr]).toEqual([
      2,
      'nncompress: --launcher mpi: needs to be started by mpirun of Open MPI; start it with mpirun -n 4 nncompress …; apt-get install openmpi-bin brings mpirun\n',
    ]);
  });
});
