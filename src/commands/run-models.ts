import { firstSamples, type TaskData } from '../data/task.js';
import { type Evaluation, type EvaluationOptions, evaluateLanes, type Lane } from '../evaluate/evaluate-models.js';
import type { CommandContext } from './context.js';
import type { Workbench } from './workbench.js';

interface RunOptions extends Pick<EvaluationOptions, 'onOutputs'> {
  limit?: number | undefined;
  batch?: number | undefined;
}

/** Runs models (bytes or paths) over test data side by side, with progress. */
export function runModels(
  bench: Workbench,
  test: TaskData,
  models: readonly (Uint8Array | string)[],
  options: RunOptions,
  context: CommandContext,
): Promise<Evaluation> {
  return runLanes(bench, [{ models, data: test }], options, context);
}

/** The same for models that take the data in different forms. */
export async function runLanes(
  { workers, session }: Pick<Workbench, 'workers' | 'session'>,
  lanes: readonly Lane[],
  { limit, batch, onOutputs }: RunOptions,
  { progress }: CommandContext,
): Promise<Evaluation> {
  const indices = firstSamples(lanes[0]!.data, limit);
  const task = progress.start('evaluating', indices.length);
  let done = 0;
  const evaluation = await evaluateLanes(lanes, {
    indices,
    batchSize: batch,
    workers,
    session,
    onOutputs,
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
