// Trains a model under a limit on the memory of each process, in one process and as a pipeline of two; see README.md beside it.
import { spawnSync } from 'node:child_process';
import { readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { folder, here, markdown, zoo } from './way.mjs';

const { values } = parseArgs({ options: { limit: { type: 'string', default: '2000000' } } });
const SAMPLES = 144;
const data = join(folder, 'memory.csv');
const lines = readFileSync(join(zoo, 'data/banking77/train.csv'), 'utf8').split('\n');
writeFileSync(data, `${lines.slice(0, SAMPLES + 1).join('\n')}\n`);
const output = join(folder, 'memory.onnx');
const command = [
  ...[process.execPath, here('../../bin/nncompress.js'), 'finetune', join(zoo, 'models/banking-minilm/model.onnx')],
  ...['--train', data, '--epochs', '1', '--batch', '64', '--lr', '1e-4', '--no-benchmark', '--force', '-o', output],
];
const WAYS = {
  'one process': { processes: 1, options: ['--workers', '1'] },
  'a pipeline of 2 processes': { processes: 2, options: ['--launcher', 'mpi', '--pipeline', '2'] },
};

const rows = Object.entries(WAYS).flatMap(([name, way]) =>
  ['unlimited', values.limit].map((limit) => {
    process.stderr.write(`${name}, ${limit}\n`);
    const { status, peaks } = run(way, limit);
    return [name, limit, status === 0 ? 'done' : 'out of memory', peaks.map((kB) => (kB / 1e3).toFixed(0)).join(', ')];
  }),
);
const table = markdown(['', 'limit of each process, kB', '', 'peak of each process, MB'], rows);
writeFileSync(join(folder, 'memory.md'), table);
process.stdout.write(table);
rmSync(output, { force: true });
rmSync(`${output}.checkpoint`, { force: true });

/** RLIMIT_DATA limits what a process may have for itself: heap, arrays, stacks. */
function run({ processes, options }, limit) {
  const peakOf = (rank) => join(folder, `peak-${rank}`);
  const peak = `'${folder}'/peak-$(printenv OMPI_COMM_WORLD_RANK || echo 0)`;
  const script = `ulimit -c 0; ulimit -d ${limit}; exec /usr/bin/time -f %M -o ${peak} "$@"`;
  const shell = ['sh', '-c', script, 'sh', ...command, ...options];
  const [program, ...rest] = processes > 1 ? ['mpirun', '--oversubscribe', '-n', String(processes), ...shell] : shell;
  const asRoot = { OMPI_ALLOW_RUN_AS_ROOT: '1', OMPI_ALLOW_RUN_AS_ROOT_CONFIRM: '1' };
  const { status } = spawnSync(program, rest, { env: { ...process.env, ...asRoot }, stdio: 'ignore' });
  const ranks = Array.from({ length: processes }, (_, k) => k);
  return { status, peaks: ranks.map((k) => Number(readFileSync(peakOf(k), 'utf8').trim().split('\n').at(-1))) };
}
