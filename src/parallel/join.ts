import { alone, type Collective } from './collective.js';
import { type Mailbox, type MailboxSetup, ThreadMailbox } from './mailbox.js';
import { type SharedGroup, SharedMemoryCollective } from './shared-memory.js';

/** Who does something together: threads that share memory, or processes, by their ranks in the job that mpirun started. */
export type Members = SharedGroup | readonly number[];

/** Whether those who work together are processes. */
export const areProcesses = <T extends object>(members: T | readonly number[]): members is readonly number[] =>
  Array.isArray(members);

/**
 * Makes this thread a member of a group. Open MPI's bindings are loaded where processes work together, and nowhere else.
 * @param members absent: there is no other.
 * @param rank of this thread among the threads of the group.
 * @throws UserError where Open MPI is missing
 */
export async function joinGroup(members: Members | undefined, rank: number): Promise<Collective> {
  if (!members) return alone;
  if (!areProcesses(members)) return new SharedMemoryCollective(members, rank);
  const { MpiCollective, mpiTransfers } = await import('./mpi.js');
  return new MpiCollective(mpiTransfers(), members);
}

/** The same for those who send each other messages. */
export async function joinLine(members: MailboxSetup | readonly number[]): Promise<Mailbox> {
  if (!areProcesses(members)) return new ThreadMailbox(members);
  const { MpiMailbox, mpiTransfers } = await import('./mpi.js');
  return new MpiMailbox(mpiTransfers(), members);
}

/** Messages beside all others, from the first of some processes to the rest. */
export async function joinNews(processes: readonly number[]): Promise<Mailbox> {
  const { MpiMailbox, mpiTransfers } = await import('./mpi.js');
  const { TAGS } = await import('./mpi-transfers.js');
  return new MpiMailbox(mpiTransfers(), processes, TAGS.news);
}
