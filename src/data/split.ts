import { realpath } from 'node:fs/promises';
import { UserError } from '../errors.js';
import { sampleDigest } from './digest.js';
import { pickIndices } from './sample.js';
import type { TaskData } from './task.js';
import type { Dataset } from './types.js';

/** Indices of samples to learn from and of those held out; disjoint, ascending, together all. */
export interface HoldOut {
  train: number[];
  held: number[];
}

/**
 * Holds out a share of the samples at random, of each class in proportion; the same seed holds out the same. A class
 * that would be held out whole keeps one sample to learn from. Samples with several labels count as of the rarest of
 * them (the first step of iterative stratification, Sechidis et al. 2011).
 * @param share in 0…1
 */
export function splitHoldOut(data: Pick<TaskData, 'dataset' | 'labels'>, share: number, seed: number): HoldOut {
  const { size } = data.dataset;
  const strata = strataOf(data.labels.targets);
  const picked = pickIndices({ size, label: (index) => strata[index] }, Math.round(share * size), seed);
  const held = new Set(picked);
  const taught = new Set<number>();
  for (let index = 0; index < size; index++) if (!held.has(index)) taught.add(strata[index]!);
  for (const index of share < 1 ? picked : []) {
    if (taught.has(strata[index]!)) continue;
    taught.add(strata[index]!);
    held.delete(index);
  }
  const all = Array.from({ length: size }, (_, index) => index);
  return { train: all.filter((index) => !held.has(index)), held: all.filter((index) => held.has(index)) };
}

/** The class that each sample counts as: its only one, or its rarest; −1 where it has none. */
function strataOf(targets: readonly (number | number[] | undefined)[]): number[] {
  const classes = targets.map((target) => [target ?? []].flat());
  const counts = new Map<number, number>();
  for (const one of classes.flat()) counts.set(one, (counts.get(one) ?? 0) + 1);
  return classes.map((own) =>
    own.reduce((rarest, one) => (rarest < 0 || counts.get(one)! < counts.get(rarest)! ? one : rarest), -1),
  );
}

/** What two data sets have in common. */
export interface Overlap {
  /** True where both are the same file or folder. */
  samePath: boolean;
  /** Indices of test samples that are training samples, too. */
  shared: number[];
  /** Test samples that were looked at, and training samples that they were compared with. */
  compared: { test: number; train: number };
}

/** Samples of a data set that are looked at, so that large data does not keep the user waiting. */
const MOST_COMPARED = 20_000;

/**
 * Finds test samples that are in the training data, by what they hold, not by name: all of them, or a random 20,000 of
 * each data set where there are more. Samples that cannot be read are passed over.
 */
export async function overlapOf(
  train: Dataset,
  test: Dataset,
  { most = MOST_COMPARED, seed = 0 }: { most?: number; seed?: number } = {},
): Promise<Overlap> {
  const [trainPath, testPath] = await Promise.all([train.path, test.path].map(realPath));
  const chosen = [train, test].map(({ size }) => pickIndices({ size, label: () => undefined }, most, seed));
  const [trainIndices, testIndices] = chosen as [number[], number[]];
  const compared = { test: testIndices.length, train: trainIndices.length };
  if (trainPath === testPath && train.size === test.size) return { samePath: true, shared: testIndices, compared };
  const known = new Set<string>();
  await eachDigest(train, trainIndices, (digest) => known.add(digest));
  const shared: number[] = [];
  await eachDigest(test, testIndices, (digest, index) => known.has(digest) && shared.push(index));
  return { samePath: false, shared, compared };
}

function realPath(path: string): Promise<string> {
  return realpath(path).catch(() => path);
}

async function eachDigest(
  dataset: Dataset,
  indices: readonly number[],
  use: (digest: string, index: number) => void,
): Promise<void> {
  for (const index of indices) {
    try {
      use(sampleDigest(await dataset.load(index)), index);
    } catch (error) {
      if (!(error instanceof UserError)) throw error;
    }
  }
}
