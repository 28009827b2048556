import { availableParallelism, cpus } from 'node:os';
import { UserError } from '../errors.js';

/** This process among those of one job. */
export interface World {
  rank: number;
  size: number;
  /** Processes of the job on this machine. */
  localSize: number;
}

/** A job of one process. */
export const ALONE: World = { rank: 0, size: 1, localSize: 1 };

/** What starts the processes of a job. */
export const LAUNCHERS = ['local', 'mpi'] as const;

export type Launcher = (typeof LAUNCHERS)[number];

/**
 * The processes that this one works with, as Open MPI's mpirun tells each of them.
 * @throws UserError where the launcher was not used, or was used and not named: every process would do all of the work
 */
export function worldOf(launcher: Launcher, environment: NodeJS.ProcessEnv = process.env): World {
  const [rank, size, localSize] = ['RANK', 'SIZE', 'LOCAL_SIZE'].map((name) => {
    const text = environment[`OMPI_COMM_WORLD_${name}`];
    return text === undefined ? undefined : Number(text);
  });
  const started = rank !== undefined && size !== undefined;
  if (launcher === 'mpi' && !started)
    throw new UserError('needs to be started by mpirun of Open MPI', {
      file: '--launcher mpi',
      mend: 'start it with mpirun -n 4 nncompress …; apt-get install openmpi-bin brings mpirun',
    });
  if (launcher === 'local' && started && size > 1)
    throw new UserError(`runs as one of ${size} processes of mpirun, each of which would do all of the work`, {
      file: '--launcher',
      mend: 'add --launcher mpi to finetune, distill or prune, or start it without mpirun',
    });
  return launcher === 'mpi' ? { rank: rank!, size: size!, localSize: localSize ?? 1 } : ALONE;
}

/**
 * Says how Open MPI sends large messages between machines, unless the user did: each side writes to its socket. By itself it
 * has the receiver ask for piece after piece, so that a link of 1 Gbit/s carries half as much where both sides send. Called
 * before the library is loaded, in the main thread, whose environment the library sees.
 */
export function tuneMpi(environment: NodeJS.ProcessEnv = process.env): void {
  environment.OMPI_MCA_btl_tcp_flags ??= 'send';
}

/** Says that mpirun keeps processes to fewer cores than there are, where it does. */
export function boundTo(
  { localSize }: World,
  environment: NodeJS.ProcessEnv = process.env,
  [usable, all]: readonly [number, number] = [availableParallelism(), cpus().length],
): string | undefined {
  if (!environment.OMPI_MCA_orte_bound_at_launch || usable * localSize >= all) return undefined;
  return `mpirun keeps each of ${localSize} processes of this machine to ${usable} of its ${all} cores: add --bind-to none to it`;
}
