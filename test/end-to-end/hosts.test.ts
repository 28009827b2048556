import { type ChildProcess, spawn } from 'node:child_process';
import { mkdirSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { hostsScript, whyNoHosts } from '../parallel/hosts.js';
import { asRoot } from '../parallel/mpirun.js';
import { isThorough, nncompress, program, root, SPEECH, scratch } from './program.js';

const finetune = (output: string, ...more: string[]) => [
  ...['finetune', join(root, SPEECH[0]), '--train', join(root, 'fixtures/spoken-digits/train'), '-o', output],
  ...['--lr', '1e-4', '--no-benchmark', ...more],
];

/** What mpirun and its processes do on two machines. */
interface Job {
  child: ChildProcess;
  ended: Promise<number | null>;
  said(): string;
  /** Folder that tells of the machines. */
  network: string;
}

/** Starts the program on two imitated machines, one process each; at the end the first one tells what its network did. */
function onTwoMachines(folder: string, args: readonly string[]): Job {
  const network = join(folder, 'network');
  mkdirSync(network);
  const mpirun = ['mpirun', '-n', '2', process.execPath, program, ...args, '--launcher', 'mpi'];
  const counted = ['sh', '-c', '"$@"; code=$?; cat /proc/net/dev; exit $code', 'sh', ...mpirun];
  const child = spawn('sh', [hostsScript, '2', 'full', network, ...counted], {
    cwd: root,
    env: { ...process.env, ...asRoot },
  });
  let text = '';
  for (const stream of [child.stdout, child.stderr]) stream!.setEncoding('utf8').on('data', (part) => (text += part));
  return { child, network, said: () => text, ended: new Promise((resolve) => child.once('close', resolve)) };
}

/** Bytes that the first machine has sent to others. */
const bytesSent = ({ said }: Job) => Number(/^ *eth0: *(?:\d+ +){8}(\d+)/m.exec(said())?.[1]);

/** Processes whose arguments name a folder. */
const processesOf = (folder: string) =>
  readdirSync('/proc').filter((pid) => {
    try {
      return /^\d+$/.test(pid) && readFileSync(`/proc/${pid}/cmdline`, 'utf8').includes(folder);
    } catch {
      return false; // it has ended
    }
  });

async function until(condition: () => boolean, milliseconds: number): Promise<void> {
  for (const end = Date.now() + milliseconds; !condition(); await new Promise((resolve) => setTimeout(resolve, 20)))
    if (Date.now() > end) throw new Error('it does not happen');
}

const obstacle = whyNoHosts();

describe.skipIf(obstacle)(`processes on two machines${obstacle ? ` (left out: ${obstacle})` : ''}`, () => {
  it('write what as many copies in one process write', async () => {
    const folder = scratch();
    const [threads, processes] = [join(folder, 'threads.onnx'), join(folder, 'processes.onnx')];
    const job = onTwoMachines(folder, finetune(processes, '--epochs', '1'));
    expect(nncompress(...finetune(threads, '--epochs', '1', '--workers', '2')).status).toBe(0);
    expect(await job.ended).toBe(0);
    expect(readFileSync(processes)).toEqual(readFileSync(threads));
    // In each of 3 steps a half of 38 thousand gradients and as many weights went through the link, 4 bytes each.
    expect(bytesSent(job)).toBeGreaterThan(3 * 38_000 * 4);
    expect(processesOf(folder)).toEqual([]);
  }, 60_000);

  it.runIf(isThorough)(
    'end together, and say why, where the link between them is cut',
    async () => {
      const folder = scratch();
      const job = onTwoMachines(folder, finetune(join(folder, 'cut.onnx'), '--epochs', '5000'));
      await until(() => job.said().includes('epoch 5:'), 60_000);
      const ranks = processesOf(folder).filter((pid) => readFileSync(`/proc/${pid}/comm`, 'utf8') === 'node\n');
      expect(ranks).toHaveLength(2);
      const holder = readFileSync(join(job.network, '10.0.0.2'), 'utf8').trim();
      spawn('nsenter', ['-t', holder, '-n', 'ip', 'link', 'set', 'eth0', 'down']);
      await until(() => !processesOf(folder).some((pid) => ranks.includes(pid)), 40_000);
      expect(job.said()).toMatch(/--launcher mpi: process 1 of 0 … 1 has given no sign of life for 3\d seconds; /);
      // mpirun itself hears of it when the system gives the connection up.
      expect(await job.ended).not.toBe(0);
      await until(() => !processesOf(folder).length, 200_000);
    },
    400_000,
  );
});
