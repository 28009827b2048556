import type { TaskData } from '../data/task.js';
import { runPool } from '../runtime/pool.js';
import type { SessionOptions } from '../runtime/protocol.js';
import { floatsOf } from './evaluate-models.js';
import type { OutputKind } from './loss.js';
import type { Task } from './predictions.js';
import { classesOf, logitsFrom, probabilitiesFrom } from './soft-targets.js';

/** What can be told of a classifier's predictions without labels. Entropies are shares of the largest possible. */
export interface UnlabelledFigures {
  /** Mean over the samples: 0 where the model is sure of each. */
  entropy: number;
  /** Of the mean prediction: 0 where all samples are taken for the same, 1 where classes are predicted equally often. */
  diversity: number;
  /** Share of the samples that are predicted as each class. */
  predicted: number[];
}

/** Share of the diversity of predictions that has to be left. */
const LEAST_DIVERSITY = 0.7;

type Diversity = Pick<UnlabelledFigures, 'diversity'>;

/** True where predictions are much less diverse than they were: what a model that collapses on a few classes gives. */
export function hasCollapsed(before: Diversity, after: Diversity): boolean {
  return !(after.diversity >= LEAST_DIVERSITY * before.diversity);
}

/** Gathers figures of predictions, row by row. */
export class UnlabelledAccumulator {
  private rows = 0;
  private entropy = 0;
  private readonly sums: Float64Array;
  private readonly counts: Float64Array;

  /** @param classes two for a binary model, whose one score is that of the second */
  constructor(
    private readonly task: Task,
    private readonly kind: OutputKind,
    classes: number,
  ) {
    this.sums = new Float64Array(task === 'binary' ? 1 : classes);
    this.counts = new Float64Array(classes);
  }

  /** Adds rows of scores; gives the classes predicted of each. */
  add(scores: Float32Array): (number | number[])[] {
    const width = this.sums.length;
    const probabilities = probabilitiesFrom(scores, width, this.kind, this.task);
    const logits = logitsFrom(scores, this.kind, this.task);
    return Array.from({ length: scores.length / width }, (_, row) => {
      const own = probabilities.subarray(row * width, (row + 1) * width);
      this.rows++;
      this.entropy += relativeEntropy(own, this.task);
      for (let k = 0; k < width; k++) this.sums[k]! += own[k]!;
      const predicted = classesOf(logits.subarray(row * width, (row + 1) * width), this.task);
      for (const index of [predicted].flat()) this.counts[index]!++;
      return predicted;
    });
  }

  result(): UnlabelledFigures {
    const share = (sum: number) => sum / Math.max(1, this.rows);
    return {
      entropy: share(this.entropy),
      diversity: relativeEntropy(this.sums.map(share), this.task),
      predicted: Array.from(this.counts, share),
    };
  }
}

/** Entropy as a share of the largest possible; of labels that are decided for themselves, the mean of theirs. */
function relativeEntropy(probabilities: Float32Array | Float64Array, task: Task): number {
  let sum = 0;
  for (const p of probabilities) sum += plogp(p) + (task === 'single-label' ? 0 : plogp(1 - p));
  const largest = task === 'single-label' ? Math.log(probabilities.length) : probabilities.length * Math.LN2;
  return largest ? Math.max(0, -sum / largest) : 0;
}

const plogp = (p: number) => (p > 0 ? p * Math.log(p) : 0);

/** How models are run. */
export interface UnlabelledRun {
  data: TaskData;
  indices: readonly number[];
  kind: OutputKind;
  workers: number;
  session: SessionOptions;
  onProgress?: ((samples: number) => void) | undefined;
}

/**
 * Runs models over samples without looking at labels.
 * @param models bytes or paths.
 * @returns figures of each, and the share of the samples for which the last predicts something else than the first
 */
export async function describePredictions(
  models: readonly (Uint8Array | string)[],
  { data, indices, kind, workers, session, onProgress }: UnlabelledRun,
): Promise<{ figures: UnlabelledFigures[]; changed: number }> {
  const classes = data.kind === 'binary' ? 2 : data.labels.classes.length;
  const accumulators = models.map(() => new UnlabelledAccumulator(data.kind, kind, classes));
  let [changed, rows] = [0, 0];
  const options = { workers, session, fixedBatch: data.fixedBatch };
  for await (const { outputs } of runPool(models, data.stream(indices), options)) {
    const predicted = accumulators.map((one, k) => one.add(floatsOf(outputs[k]![data.output]!)));
    const [first, last] = [predicted[0]!, predicted.at(-1)!];
    changed += first.filter((one, row) => `${one}` !== `${last[row]}`).length;
    rows += first.length;
    onProgress?.(first.length);
  }
  return { figures: accumulators.map((one) => one.result()), changed: changed / Math.max(1, rows) };
}
