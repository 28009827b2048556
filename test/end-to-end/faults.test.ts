import { type ChildProcess, spawn } from 'node:child_process';
import { existsSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { seededRandom } from '../../src/random.js';
import { asRoot, hasMpi } from '../parallel/mpirun.js';
import { isThorough, program, root, SPEECH, scratch } from './program.js';

/** Kills for each way to share out the work. */
const KILLS = Number(process.env.NNCOMPRESS_KILLS ?? 2);

/** How long processes may outlive one of them, in milliseconds. */
const AFTERLIFE = 10_000;

/** Ways to share out the work: processes, and further options. */
const WAYS: [name: string, processes: number, ...options: string[]][] = [
  ['copies in threads', 1, '--workers', '2'],
  ['stages in threads', 1, '--pipeline', '2'],
  ['copies in processes', 2, '--launcher', 'mpi'],
  ['stages in processes', 2, '--launcher', 'mpi', '--pipeline', '2'],
];

/** A training of which every batch counts: the model gets a new last layer, so that no epoch is like the start. */
function training(folder: string, output: string, ...more: string[]): string[] {
  const labels = join(folder, 'labels.txt');
  const train = join(root, 'fixtures/spoken-digits/train');
  writeFileSync(labels, readdirSync(train).sort().join('\n'));
  return [
    ...['finetune', join(root, SPEECH[0]), '--train', train, '--classes', labels, '-o', output],
    ...['--epochs', '6', '--batch', '8', '--lr', '0.01', '--checkpoint-every', '0.05', '--no-benchmark', ...more],
  ];
}

/** Processes under way: what was started, and the process of each rank. */
interface Job {
  child: ChildProcess;
  ended: Promise<number | null>;
  said(): string;
  pids(): number[];
}

/**
 * Starts processes that tell their numbers.
 * @param before what the shell of each does first; `$rank` is its rank.
 */
function start(processes: number, args: readonly string[], before = ':'): Job {
  const folder = scratch();
  const script = `rank=\${OMPI_COMM_WORLD_RANK:-0}; echo $$ > '${folder}'/$rank; ${before}; exec "$@"`;
  const shell = ['sh', '-c', script, 'sh', process.execPath, program, ...args];
  const [command, ...rest] =
    processes > 1 ? ['mpirun', '--oversubscribe', '-n', String(processes), ...shell] : (shell as [string]);
  const child = spawn(command!, rest, { cwd: root, env: { ...process.env, ...asRoot } });
  let text = '';
  for (const stream of [child.stdout, child.stderr]) stream!.setEncoding('utf8').on('data', (part) => (text += part));
  const pids = () => readdirSync(folder).flatMap((name) => Number(readFileSync(join(folder, name), 'utf8')) || []);
  return { child, pids, said: () => text, ended: new Promise((resolve) => child.once('close', resolve)) };
}

function isThere(pid: number): boolean {
  try {
    return process.kill(pid, 0);
  } catch {
    return false;
  }
}

const pause = (milliseconds: number) => new Promise((resolve) => setTimeout(resolve, milliseconds));

async function until(condition: () => boolean, milliseconds = 60_000): Promise<void> {
  for (const end = Date.now() + milliseconds; !condition(); await pause(5))
    if (Date.now() > end) throw new Error('it does not happen');
}

/** Waits for the end of a job, of which no process may be left. */
async function end(job: Job, within: number): Promise<number | null> {
  const pids = job.pids();
  const timer = setTimeout(() => job.child.kill('SIGKILL'), within);
  const code = await job.ended;
  clearTimeout(timer);
  expect(job.child.signalCode).not.toBe('SIGKILL');
  await until(() => !pids.some(isThere), 5000);
  return code;
}

describe.runIf(isThorough)('a training one process of which is killed at any moment', () => {
  it.each(WAYS.filter(([, processes]) => processes === 1 || hasMpi))(
    '%s: nobody is left, and a run that goes on gives the same weights',
    async (_, processes, ...options) => {
      const random = seededRandom(processes + options.length);
      const folder = scratch();
      const [whole, output] = [join(folder, 'whole.onnx'), join(folder, 'killed.onnx')];
      const startedAt = Date.now();
      expect(await start(processes, training(folder, whole, ...options)).ended).toBe(0);
      const duration = Date.now() - startedAt;
      const next = () => {
        const goesOn = existsSync(`${output}.checkpoint`);
        return start(processes, training(folder, output, ...options, ...(goesOn ? ['--resume'] : [])));
      };
      for (let kills = 0; kills < KILLS; ) {
        const job = next();
        await until(() => job.pids().length === processes);
        await Promise.race([pause(random() * duration), job.ended]);
        // All but the first process end when the weights are found.
        const left = job.pids().filter(isThere);
        if (left.length) {
          process.kill(left[Math.floor(random() * left.length)]!, 'SIGKILL');
          const code = await (processes === 1 ? job.ended : end(job, AFTERLIFE));
          // One that had ended, though not yet for its parent, is not killed.
          if (code === 0) expect(existsSync(output)).toBe(true);
          else kills++;
        }
        if (!existsSync(output)) continue;
        expect(readFileSync(output)).toEqual(readFileSync(whole));
        rmSync(output);
        rmSync(`${output}.checkpoint`, { force: true });
      }
      expect(await next().ended).toBe(0);
      expect(readFileSync(output)).toEqual(readFileSync(whole));
    },
    600_000 + KILLS * 60_000,
  );
});

describe.runIf(isThorough && hasMpi)('processes of which one', () => {
  it('hangs end together, and say which one', async () => {
    const folder = scratch();
    const output = join(folder, 'hung.onnx');
    const job = start(2, training(folder, output, '--launcher', 'mpi', '--epochs', '200'));
    await until(() => existsSync(`${output}.checkpoint`));
    await pause(3000); // the first steps are waited for longer
    process.kill(job.pids()[1]!, 'SIGSTOP');
    expect(await end(job, 60_000)).toBe(2);
    expect(job.said()).toMatch(/--launcher mpi: process 1 of 0 … 1 has given no sign of life for 3\d seconds; /);
    expect(existsSync(output)).toBe(false);
  }, 120_000);

  it('has too little memory end together, with the reason', async () => {
    const folder = scratch();
    const args = training(folder, join(folder, 'short.onnx'), '--launcher', 'mpi');
    const job = start(2, args, '[ $rank = 1 ] && ulimit -d 200000');
    await until(() => job.pids().length === 2);
    expect(await end(job, 60_000)).toBe(2);
    expect(job.said()).toMatch(/^nncompress: .*not enough memory/m);
  }, 120_000);
});
