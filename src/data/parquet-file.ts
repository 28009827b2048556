import { UserError } from '../errors.js';
import { WorkerThread } from '../runtime/thread.js';
import { inTurns } from '../turns.js';
import type { ParquetFacts, ParquetMethods, RowRange } from './parquet-protocol.js';

/** A Parquet file whose footer has been read; its rows are read when they are asked for. */
export interface ParquetFile extends ParquetFacts {
  path: string;
  /** Cells of some rows by column name; bytes stay bytes, integers of 64 bits are numbers. @throws UserError */
  read(columns: readonly string[], range?: RowRange): Promise<Record<string, unknown>[]>;
}

/**
 * Opens a Parquet file: reads its footer, not its rows. All is read in a thread of its own, which is ended where it takes so
 * long that the file must be damaged: a wrong length can make a reader count on for ever, or fill the memory.
 * @throws UserError where the file is missing, cut off or damaged; rows are read with the same errors, and where they
 * are packed or encoded in a way that is not known
 */
export async function openParquetFile(path: string, patience: Patience = PATIENCE): Promise<ParquetFile> {
  const facts = await guarded(path, patience.milliseconds, () => thread.call('open', path));
  const { size, groups, bytes } = facts;
  return {
    path,
    ...facts,
    read(columns, range = { start: 0, end: size }) {
      const share = groups.length ? (range.end - range.start) / size : 1;
      const limit = patience.milliseconds + (share * bytes) / patience.bytesPerMillisecond;
      return guarded(path, limit, () => thread.call('read', path, columns, range));
    },
  };
}

/** How long reading may take. */
export interface Patience {
  milliseconds: number;
  /** Added for so many bytes of the file. */
  bytesPerMillisecond: number;
}

/** Far more than a slow machine with much to do needs. */
const PATIENCE: Patience = { milliseconds: 20_000, bytesPerMillisecond: 1000 };

const thread = new WorkerThread<ParquetMethods>(new URL('./parquet-worker.js', import.meta.url));
const inTurn = inTurns();

/** Has the thread do one thing, and ends it where that takes longer than it may. */
const guarded = <T>(path: string, milliseconds: number, ask: () => Promise<T>): Promise<T> =>
  inTurn(async () => {
    const timer = setTimeout(
      () => thread.abandon(new UserError('is damaged: reading it does not end', place)),
      milliseconds,
    );
    const place = { file: path, mend: 'fetch or write it again' };
    try {
      return await ask();
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'ERR_WORKER_OUT_OF_MEMORY') throw error;
      throw new UserError('takes more memory than there is: it is damaged, or its row groups are too large', place);
    } finally {
      clearTimeout(timer);
    }
  });
