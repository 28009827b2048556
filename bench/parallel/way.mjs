import { existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { execute, jsonOf } from '../execute.mjs';
import { batchesOf } from '../train/cases.mjs';

export const here = (name) => fileURLToPath(new URL(name, import.meta.url));

/** Where the models and their data are. */
export const zoo = resolve(process.env.NNCOMPRESS_ZOO ?? here('../../../shared/zoo'));
if (!existsSync(zoo)) throw new Error(`no models at ${zoo}; name their folder with NNCOMPRESS_ZOO`);

/** Where results go. */
export const folder = here('./results');
mkdirSync(folder, { recursive: true });

/**
 * Runs a script in so many processes of this machine or, where a network of some rate is named, of as many imitated ones.
 * @returns the JSON that the first of them prints
 */
export function spread(processes, script, network) {
  const asRoot = { OMPI_ALLOW_RUN_AS_ROOT: '1', OMPI_ALLOW_RUN_AS_ROOT_CONFIRM: '1' };
  const command = ['mpirun', '--oversubscribe', '-n', processes, process.execPath, ...script];
  if (!network) return jsonOf(command[0], command.slice(1), asRoot);
  const machines = mkdtempSync(join(tmpdir(), 'nncompress-hosts-'));
  try {
    return jsonOf('sh', [here('../../test/parallel/hosts.sh'), processes, network, machines, ...command], asRoot);
  } finally {
    rmSync(machines, { recursive: true });
  }
}

/** Runs a script in two processes at once that have nothing to do with each other. @returns the sums of what both print */
export function apart(...script) {
  const lines = execute('sh', ['-c', '"$0" "$@" & "$0" "$@" & wait', process.execPath, ...script])
    .trim()
    .split('\n');
  const [first, second] = lines.map((line) => JSON.parse(line));
  return Object.fromEntries(Object.entries(first).map(([name, value]) => [name, value + second[name]]));
}

/** Trains a model for some steps with the work shared out in one way, in processes of its own. */
export function run(entry, { mpi, isTwice, network, ...settings }, count) {
  const rows = join(folder, `${entry.model}-${count}.rows.json`);
  writeFileSync(rows, JSON.stringify(batchesOf(entry, count)));
  const given = JSON.stringify({ zoo, ...entry, rows, warmup: 5, mpi: Boolean(mpi), ...settings });
  const script = [here('group.mjs'), given];
  if (isTwice) return apart(...script);
  return mpi ? spread(mpi, script, network) : jsonOf(process.execPath, script);
}

export function markdown(columns, rows) {
  return `${[columns, columns.map(() => '---'), ...rows].map((cells) => `| ${cells.join(' | ')} |`).join('\n')}\n`;
}
