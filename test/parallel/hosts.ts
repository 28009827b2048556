import { spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { hasMpi } from './mpirun.js';

/** Runs a command on the first of some imitated machines. */
export const hostsScript = fileURLToPath(new URL('./hosts.sh', import.meta.url));

const runs = (command: string, ...args: string[]) => spawnSync(command, args, { stdio: 'ignore' }).status === 0;

/** Why machines cannot be imitated here; undefined where they can. */
export function whyNoHosts(): string | undefined {
  if (!hasMpi) return 'Open MPI is missing';
  if (process.getuid?.() !== 0) return 'only root may have namespaces of the network';
  const missing = ['ip', 'nsenter', 'setpriv'].find((command) => !runs(command, '-V'));
  if (missing) return `${missing} is missing`;
  return runs('unshare', '--net', '--uts', 'true') ? undefined : 'the system gives no namespaces of the network';
}
