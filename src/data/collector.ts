import { availableParallelism } from 'node:os';
import { setImmediate } from 'node:timers/promises';
import { UserError } from '../errors.js';
import type { NamedValues } from '../ir/types.js';
import { limiter } from './limiter.js';
import type { Batch, Dataset, Preprocessor } from './types.js';

/** What becomes of samples that cannot be read or prepared. */
export interface BadSampleOptions {
  /** Leaves them out, so that a batch may have fewer, instead of throwing. */
  skipBadSamples?: boolean | undefined;
  /** Called for each sample left out. */
  onSkip?: ((index: number, error: UserError) => void) | undefined;
}

/** Gives prepared samples. */
export interface SampleReader {
  /** @throws UserError where the sample is bad */
  read(index: number): Promise<NamedValues>;
  /** The same where nothing has to be waited for; undefined where `read` is needed. */
  readNow?(index: number): NamedValues | undefined;
}

/** Milliseconds of work after which other things have their turn. */
const SLICE = 4;

/**
 * Collects samples into batches. A few samples per core are read at a time, and work that waits for nothing is cut into
 * slices of a few milliseconds, between which the event loop turns.
 */
export class Collector {
  private readonly limit = limiter(2 * availableParallelism() + 2);
  /** When the event loop last turned, and where it is being waited for. */
  private turnedAt = 0;
  private turning: Promise<void> | undefined;

  constructor(
    private readonly dataset: Dataset,
    private readonly preprocessor: Pick<Preprocessor, 'collate'>,
    private readonly reader: SampleReader,
    private readonly options: BadSampleOptions,
  ) {}

  /**
   * One batch of these samples; without those that are bad, if they may be left out.
   * @throws UserError naming the first sample that is bad
   */
  async collect(indices: readonly number[]): Promise<Batch> {
    const prepared = await this.readAll(indices);
    const kept = indices.filter((_, at) => prepared[at] !== undefined);
    const samples = prepared.filter((sample) => sample !== undefined);
    if (kept.length === 0) return { indices: [], feeds: {} };
    try {
      return { indices: kept, feeds: this.preprocessor.collate(samples) };
    } catch (error) {
      throw this.placed(error, `${this.dataset.describe(kept[0]!)} … ${this.dataset.describe(kept.at(-1)!)}`);
    }
  }

  /** Drops what has not begun. */
  stop(): void {
    this.limit.stop();
  }

  private async readAll(indices: readonly number[]): Promise<(NamedValues | undefined)[]> {
    const prepared = new Array<NamedValues | undefined>(indices.length);
    const waiting: Promise<void>[] = [];
    for (const [at, index] of indices.entries()) {
      if (this.isTime) await this.turn();
      prepared[at] = this.readNow(index);
      if (prepared[at] === undefined) waiting.push(this.readInto(prepared, at, index));
    }
    await Promise.all(waiting);
    return prepared;
  }

  private get isTime(): boolean {
    return performance.now() - this.turnedAt >= SLICE;
  }

  /** Lets the event loop turn, and again where others that waited for it have taken up the time. */
  private async turn(): Promise<void> {
    while (this.isTime) {
      this.turning ??= setImmediate().then(() => {
        this.turnedAt = performance.now();
        this.turning = undefined;
      });
      await this.turning;
    }
  }

  /** Undefined where the sample is bad, too: reading it in full tells of it. */
  private readNow(index: number): NamedValues | undefined {
    try {
      return this.reader.readNow?.(index);
    } catch (error) {
      if (error instanceof UserError) return undefined;
      throw error;
    }
  }

  private readInto(prepared: (NamedValues | undefined)[], at: number, index: number): Promise<void> {
    const done = this.limit(async () => {
      if (this.isTime) await this.turn();
      try {
        prepared[at] = await this.reader.read(index);
      } catch (error) {
        this.skip(index, error);
      }
    });
    done.catch(() => {}); // it may fail while other samples are being read
    return done;
  }

  /** Tells of a bad sample. @throws UserError where it may not be left out */
  private skip(index: number, error: unknown): void {
    const told = this.placed(error, this.dataset.describe(index));
    if (!(told instanceof UserError)) throw told;
    if (!this.options.skipBadSamples)
      throw told.at({ mend: `${told.place.mend ?? 'repair it'}, or pass --skip-bad-samples` });
    this.options.onSkip?.(index, told);
  }

  /** The error, with the sample's place where it names none. */
  private placed(error: unknown, where: string): unknown {
    if (!(error instanceof UserError) || error.place.file !== undefined) return error;
    return error.at({ file: this.dataset.path, where });
  }
}
