import { spawnSync } from 'node:child_process';
import { readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const here = (name) => fileURLToPath(new URL(name, import.meta.url));
const CLI = here('../../bin/nncompress.js');

/** Starts whole processes of either side and measures them from outside. */
export class Processes {
  constructor({ python, zoo, folder }) {
    Object.assign(this, { python, zoo, folder });
  }

  /** `nncompress ARGUMENTS`; `output` is what it prints. */
  ours(...args) {
    return this.measure(process.execPath, [CLI, ...args], { allowed: [0, 1] });
  }

  /** A task of peer.py; `output` is the JSON that it prints. */
  peer(task, model, ...args) {
    const run = this.measure(this.python, [here('peer.py'), task, this.zoo, model, ...args], { allowed: [0] });
    return { ...run, output: JSON.parse(run.output.trim().split('\n').at(-1)) };
  }

  /** @returns seconds, cpuSeconds and peakBytes of the whole process, and its output */
  measure(command, args, { allowed }) {
    const result = join(this.folder, 'measured.json');
    const { stdout, stderr, error } = spawnSync(this.python, [here('measure.py'), result, command, ...args], {
      encoding: 'utf8',
      maxBuffer: 1 << 28,
      env: { ...process.env, PYTHONDONTWRITEBYTECODE: '1' },
    });
    if (error) throw new Error(`${this.python} does not start: ${error.message}; name another with NNCOMPRESS_PYTHON`);
    const { status, ...cost } = JSON.parse(readFileSync(result, 'utf8'));
    rmSync(result);
    if (allowed.includes(status)) return { ...cost, output: stdout };
    throw new Error(
      `${[command, ...args].join(' ')} ended with ${status}: ${stderr.trim().split('\n').slice(-3).join(' | ')}`,
    );
  }
}
