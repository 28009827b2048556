import { firstSamples, type TaskData } from '../data/task.js';
import { type Evaluation, evaluateModels } from '../evaluate/evaluate-models.js';
import type { CommandContext } from './context.js';
import type { Workbench } from './workbench.js';

/** Runs models (bytes or paths) over test data side by side, with progress. */
export async function runModels(
  bench: Workbench,
  test: TaskData,
  models: readonly (Uint8Array | string)[],
  { limit, batch }: { limit?: number | undefined; batch?: number | undefined },
  context: CommandContext,
): Promise<Evaluation> {
  const indices = firstSamples(test, limit);
  const task = context.progress.start('evaluating', indices.length);
  let done = 0;
  const evaluation = await evaluateModels(models, test, {
    indices,
    batchSize: batch,
    workers: bench.workers,
    session: bench.session,
    onProgress(samples) {
      task.advance(samples - done);
      done = samples;
    },
  });
  task.done();
  return evaluation;
}

/** Says so where samples were left out. */
export function skipWarnings({ skipped }: TaskData): string[] {
  return skipped.size ? [`${skipped.size} samples could not be read and were left out`] : [];
}
