import { type Filling, resizeAxis } from '../ir/resize-axis.js';
import type { NamedValues } from '../ir/types.js';
import type { Collective } from '../parallel/collective.js';
import { ROW_WEIGHTS } from './objectives.js';

/** An axis that is as long as the longest row of a batch needs. */
export interface PaddedAxis extends Filling {
  input: string;
  /** The batch's own counted: never 0. */
  axis: number;
}

/** What a process that has some rows of a batch knows of them. */
export interface BatchPart {
  /** What rows weigh that were meant for it and are left out, because they cannot be read. */
  lost: number;
  padded: readonly PaddedAxis[];
}

const WHOLE: BatchPart = { lost: 0, padded: [] };

/**
 * Makes the rows that a member of a group has fit those of the others: as long as the longest of all, and weighed so that all
 * together weigh one.
 * @param rows of the batch that it has.
 * @returns the rows of all, and the share of them that is here
 */
export async function fitBatch(
  group: Collective,
  feeds: NamedValues,
  rows: number,
  { lost, padded }: BatchPart = WHOLE,
): Promise<{ feeds: NamedValues; rows: number; share: number }> {
  const lengths = padded.map(({ input, axis }) => feeds[input]?.dims[axis] ?? 0);
  const all = await group.exchange([rows, lost, ...lengths]);
  const sum = (k: number) => all.reduce((total, own) => total + own[k]!, 0);
  const [total, left] = [sum(0), 1 - sum(1)];
  if (!rows) return { feeds: {}, rows: total, share: 0 };
  const fitting = { ...feeds };
  for (const [k, { input, axis, ...filling }] of padded.entries()) {
    const longest = Math.max(...all.map((own) => own[k + 2]!));
    if (fitting[input]) fitting[input] = resizeAxis(fitting[input], axis, longest, filling);
  }
  const weights = fitting[ROW_WEIGHTS];
  if (weights && left < 1)
    fitting[ROW_WEIGHTS] = { ...weights, data: (weights.data as Float32Array).map((weight) => weight / left) };
  return { feeds: fitting, rows: total, share: rows / total };
}
