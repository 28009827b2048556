import { createHash } from 'node:crypto';
import { digestOf } from '../data/digest.js';
import { pickIndices } from '../data/sample.js';
import { encodeModel } from '../onnx/write.js';
import { mixedSeed } from '../random.js';
import { formatPercent } from '../report/format.js';
import { Divergence } from '../training/trainer.js';
import type { CommandContext } from './context.js';
import type { DistillationData } from './distill-data.js';
import type { DistillOptions } from './distill-options.js';
import { type Recipe, recipeText } from './distill-recipes.js';
import { trainAlone, trainTaught } from './distill-train.js';
import { batchSizeOf } from './finetune-plan.js';
import { trainingSettings } from './training-options.js';
import { bestAccuracy } from './training-run.js';
import { TrialLog } from './trial-log.js';
import type { Workbench } from './workbench.js';

/** A way of learning that was tried on a part of the data; without a recipe, the labels alone. */
export interface Trial {
  recipe: Recipe | undefined;
  /** Rounds that it took part in. */
  rounds: number;
  /** Samples of the last of them, all epochs together. */
  samples: number;
  /** On samples that were not learnt from; undefined where training diverged. */
  accuracy: number | undefined;
}

/** A round of trials: the best go on to the next. */
export interface Round {
  candidates: number;
  epochs: number;
  /** Samples that are learnt from, and others that the result is judged by. */
  learnt: number;
  judged: number;
}

/** What all trials together may cost, in trainings of the student. */
const BUDGET = 1;
/** A round keeps one of so many candidates (successive halving; Jamieson and Talwalkar 2016). */
const KEPT = 1 / 3;
/** Updates of a trial, at least: fewer tell nothing. */
const LEAST_UPDATES = 30;
/** What it costs to judge a sample, against learning from it. */
const JUDGING = 1 / 3;

/**
 * The rounds of trials that a training of so many samples and epochs can afford: all of the same cost, each of a few
 * epochs over half of the data at most, judged on as many samples of the rest. Where there is little data, the last
 * candidates are left out; where there is less, there are no trials.
 */
export function planRounds(candidates: number, samples: number, epochs: number, batch: number): Round[] {
  const most = Math.floor(samples / 2);
  for (let count = candidates; count > 1; count--) {
    const counts = [count, ...(count > 3 ? [Math.ceil(count * KEPT)] : [])];
    const rounds = counts.map((one) => {
      const passes = (BUDGET * epochs * samples) / (counts.length * one * (1 + JUDGING));
      const own = Math.max(1, Math.ceil(passes / most));
      const learnt = Math.floor(passes / own);
      return { candidates: one, epochs: own, learnt, judged: Math.min(samples - learnt, Math.floor(passes)) };
    });
    const suffices = ({ learnt, epochs: own }: Round) => learnt >= batch && learnt * own >= LEAST_UPDATES * batch;
    if (rounds.every(suffices)) return rounds;
  }
  return [];
}

/**
 * Tries ways of learning on parts of the training data, in rounds that fewer and fewer take part in. The samples that are
 * held out take no part. The same seed tries the same; a log of what is done lets an interrupted run go on.
 * @param candidates those nearest to learning from labels alone first; without a recipe, just that.
 * @returns the one to take first, then the others, the best first; nothing where there is too little data
 */
export async function tryRecipes(
  bench: Workbench,
  samples: DistillationData,
  candidates: readonly (Recipe | undefined)[],
  log: string,
  options: DistillOptions,
  context: CommandContext,
): Promise<Trial[]> {
  const { indices, data } = samples;
  const rounds = planRounds(candidates.length, indices.length, options.epochs, batchSizeOf(data, options));
  if (!rounds.length) return [];
  let trials = candidates
    .slice(0, rounds[0]!.candidates)
    .map((recipe): Trial => ({ recipe, rounds: 0, samples: 0, accuracy: undefined }));
  context.note(
    `${trials.length} ways to learn are tried on parts of the data, which takes as long as one training at most ` +
      '(--loss, --temperature and --alpha name one)',
  );
  const left: Trial[] = [];
  const results = await TrialLog.open<number>(log, {
    fingerprint: fingerprintOf([bench], samples, options),
    resume: options.resume,
    // Processes on other machines would each keep their own.
    kept: context.world.size === 1,
  });
  for (const [k, { candidates: count, ...round }] of rounds.entries()) {
    const ranking = byAccuracy(trials);
    left.unshift(...ranking.slice(count));
    trials = trials.filter((trial) => !left.includes(trial));
    const part = partOf(samples, round, mixedSeed(options.seed, k));
    for (const [place, trial] of trials.entries()) {
      const name = trial.recipe ? recipeText(trial.recipe) : 'labels alone';
      const label = `round ${k + 1} of ${rounds.length}, trial ${place + 1} of ${count} (${name})`;
      const accuracy = await results.get(`${k} ${name}`, () =>
        tryOne(bench, part, trial.recipe, label, { ...options, epochs: round.epochs }, context),
      );
      Object.assign(trial, { accuracy, rounds: k + 1, samples: round.epochs * round.learnt });
      context.detail(`${label}: ${accuracy === undefined ? 'diverged' : formatPercent(accuracy)}`);
    }
  }
  const taken = nearestToAlone(trials, rounds.at(-1)!.judged);
  return [taken, ...byAccuracy(trials).filter((trial) => trial !== taken), ...left];
}

/** The best first; of equals, those that came first. */
const byAccuracy = (trials: readonly Trial[]) => [...trials].sort((a, b) => (b.accuracy ?? -1) - (a.accuracy ?? -1));

/**
 * The first of the trials that are not worse than the best by more than one standard error (the rule of Breiman et al.
 * 1984): a teacher helps most at the beginning, so that short trials show more of it than a whole training would.
 */
export function nearestToAlone(trials: readonly Trial[], judged: number): Trial {
  const best = byAccuracy(trials)[0]!;
  const { accuracy = 0 } = best;
  const error = Math.sqrt((accuracy * (1 - accuracy)) / judged);
  return trials.find((trial) => trial.accuracy !== undefined && trial.accuracy >= accuracy - error) ?? best;
}

/** A random part of the samples to learn from, each class in proportion, and another part to judge by. */
export function partOf(
  samples: DistillationData,
  { learnt, judged }: Omit<Round, 'candidates'>,
  seed: number,
): DistillationData {
  const { data, isLabelled, accuracyOf } = samples;
  const pick = (indices: readonly number[], count: number) => {
    const label = (place: number) => `${isLabelled(indices[place]!)} ${data.labels.targets[indices[place]!]}`;
    return pickIndices({ size: indices.length, label }, count, seed).map((place) => indices[place]!);
  };
  const indices = pick(samples.indices, learnt);
  const taken = new Set(indices);
  const rest = samples.indices.filter((index) => !taken.has(index));
  return { ...samples, indices, validation: { data, indices: pick(rest, judged), accuracyOf } };
}

/** Accuracy after a short training; undefined where it diverged. */
async function tryOne(
  bench: Workbench,
  part: DistillationData,
  recipe: Recipe | undefined,
  label: string,
  options: DistillOptions,
  context: CommandContext,
): Promise<number | undefined> {
  const course = { label, measured: 'last' } as const;
  const quiet = { ...context, note: () => {} };
  try {
    const trained = recipe
      ? await trainTaught(bench, part, recipe, course, options, quiet)
      : await trainAlone(bench, part, course, options, quiet);
    return trained && bestAccuracy(trained);
  } catch (error) {
    if (error instanceof Divergence) return undefined;
    throw error;
  }
}

/** Hash of what the results of trials of some students depend on, beside the recipe. */
export function fingerprintOf(
  benches: readonly Workbench[],
  { data, indices, scores }: DistillationData,
  { resume, checkpointEvery, ...settings }: DistillOptions,
): string {
  const hash = createHash('sha256');
  for (const { model } of benches) hash.update(encodeModel(model));
  hash.update(digestOf(data.dataset, indices));
  hash.update(
    JSON.stringify([
      scores.key,
      batchSizeOf(data, settings),
      trainingSettings(settings),
      settings.match,
      settings.teacherViews,
    ]),
  );
  return hash.digest('hex');
}
