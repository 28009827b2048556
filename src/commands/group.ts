import type { CommandContext } from './context.js';

/** Thrown where a process has done its part and others go on alone. */
export class PartDone extends Error {}

/**
 * Ends what processes do together: the first goes on alone, to write and to judge what was made.
 * @throws PartDone in the others
 */
export async function leaveGroup({ world }: CommandContext): Promise<void> {
  if (world.size === 1) return;
  const { finalizeMpi } = await import('../parallel/mpi-library.js');
  finalizeMpi();
  if (world.rank) throw new PartDone();
}
