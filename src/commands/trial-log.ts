import { existsSync } from 'node:fs';
import { readCheckpoint, writeCheckpoint } from '../training/checkpoint.js';

/** Results by the name of a trial; null where it gave none. */
type Results<Result> = Record<string, Result | null>;

/** How the results of trials are kept. */
export interface TrialLogOptions {
  /** What must be the same for results to be taken. */
  fingerprint: string;
  /** Takes the results that the file holds. */
  resume: boolean;
  /** False: nothing is written. */
  kept: boolean;
}

/** Results of trials, which JSON can hold, kept in a file from which an interrupted run takes them. */
export class TrialLog<Result> {
  private constructor(
    private readonly path: string,
    private readonly options: TrialLogOptions,
    private readonly results: Results<Result>,
  ) {}

  /** @throws UserError where the file is broken or of another run */
  static async open<Result>(path: string, options: TrialLogOptions): Promise<TrialLog<Result>> {
    const known = options.kept && options.resume && existsSync(path);
    const results = known ? (await readCheckpoint(path, options.fingerprint)).progress : {};
    return new TrialLog(path, options, results as Results<Result>);
  }

  /** The result of a trial, computed where it is not known. */
  async get(trial: string, compute: () => Promise<Result | undefined>): Promise<Result | undefined> {
    const { path, results } = this;
    const { fingerprint, kept } = this.options;
    if (!Object.hasOwn(results, trial)) {
      results[trial] = (await compute()) ?? null;
      if (kept) await writeCheckpoint(path, { fingerprint, progress: results, vectors: {} });
    }
    return results[trial] ?? undefined;
  }
}
