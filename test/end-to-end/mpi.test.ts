import { spawn } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { hasMpi, mpirun } from '../parallel/mpirun.js';
import { isThorough, nncompress, program, root, SPEECH, scratch } from './program.js';

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

  it.runIf(isThorough)(
    'end together where one is killed, and go on from the checkpoint to the same model',
    async () => {
      const folder = scratch();
      const [whole, killed] = [join(folder, 'whole.onnx'), join(folder, 'killed.onnx')];
      const args = (output: string) =>
        finetune(output, '--launcher', 'mpi', '--epochs', '4', '--checkpoint-every', '0.1');
      expect(mpirun(2, program, ...args(whole)).status).toBe(0);
      const env = { ...process.env, OMPI_ALLOW_RUN_AS_ROOT: '1', OMPI_ALLOW_RUN_AS_ROOT_CONFIRM: '1' };
      const flags = ['--oversubscribe', '-n', '2', 'sh', '-c'];
      const rank = `[ $OMPI_COMM_WORLD_RANK = 1 ] && echo $$ > ${join(folder, 'pid')}; exec "$@"`;
      const job = spawn('mpirun', [...flags, rank, 'sh', process.execPath, program, ...args(killed)], { env });
      while (!existsSync(`${killed}.checkpoint`) && job.exitCode === null) await new Promise((r) => setTimeout(r, 20));
      process.kill(Number(readFileSync(join(folder, 'pid'), 'utf8')), 'SIGKILL');
      expect(await new Promise((resolve) => job.once('exit', resolve))).not.toBe(0);
      expect(existsSync(killed)).toBe(false);
      expect(mpirun(2, program, ...args(killed), '--resume').status).toBe(0);
      expect(readFileSync(killed)).toEqual(readFileSync(whole));
    },
  );
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
