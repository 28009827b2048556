import { spawnSync } from 'node:child_process';

/** Whether Open MPI is on this machine. */
export const hasMpi = spawnSync('mpirun', ['--version'], { encoding: 'utf8' }).stdout?.includes('Open MPI') ?? false;

/** What mpirun wants to be told where it runs as root. */
export const asRoot = { OMPI_ALLOW_RUN_AS_ROOT: '1', OMPI_ALLOW_RUN_AS_ROOT_CONFIRM: '1' };

/** Runs a script of Node in several processes. */
export function mpirun(processes: number, ...args: string[]) {
  const env = { ...process.env, ...asRoot };
  const flags = ['--oversubscribe', '-n', String(processes), process.execPath];
  return spawnSync('mpirun', [...flags, ...args], { env, encoding: 'utf8', timeout: 60_000 });
}
