import { sampleOf, type TaskData } from '../data/task.js';
import { comparePredictions } from '../evaluate/compare.js';
import { evaluateModels } from '../evaluate/evaluate-models.js';
import { percentile } from '../evaluate/statistics.js';
import type { Model } from '../ir/model.js';
import type { NamedValues } from '../ir/types.js';
import { tensorBytes } from '../onnx/write.js';
import type { Fidelity, Judge } from '../passes/quantize/auto.js';
import { type LatencyBudget, measureLatency } from '../runtime/latency.js';
import { withLoadable } from '../runtime/source.js';
import type { Workbench } from './workbench.js';

/** Samples on which candidate models are compared with the original. */
const COMPARED_SAMPLES = 256;
/** Models of more bytes are compared one at a time. */
const SIDE_BY_SIDE = 100e6;
const BUDGET: LatencyBudget = { milliseconds: 600, rounds: [5, 200] };

/**
 * Measures candidate models against the original: speed in alternation on one thread, fidelity on calibration inputs.
 * @param feeds inputs per batch size.
 */
export function createJudge(
  bench: Workbench,
  calibration: TaskData | undefined,
  feeds: readonly NamedValues[],
  options: { seed: number; benchmark: boolean },
): Judge {
  const judge: Judge = {};
  if (calibration)
    judge.fidelities = async (models) => {
      const groups = tensorBytes(bench.model) > SIDE_BY_SIDE ? models.map((model) => [model]) : [[...models]];
      const results: Fidelity[] = [];
      for (const group of groups) results.push(...(await fidelitiesOf(bench, calibration, group, options.seed)));
      return results;
    };
  if (options.benchmark)
    judge.speedups = async (models) => {
      const session = { ...bench.session, threads: 1 };
      const series = await withLoadable(models, (sources) =>
        measureLatency([bench.path, ...sources], feeds, session, BUDGET),
      );
      return models.map((_, k) =>
        series.map(({ milliseconds }) => percentile(milliseconds[0]!, 0.5) / percentile(milliseconds[k + 1]!, 0.5)),
      );
    };
  return judge;
}

async function fidelitiesOf(
  bench: Workbench,
  data: TaskData,
  models: readonly Model[],
  seed: number,
): Promise<Fidelity[]> {
  const indices = sampleOf(data, COMPARED_SAMPLES, seed + 1);
  const { workers, session } = bench;
  const { classifications, fidelities } = await withLoadable(models, (sources) =>
    evaluateModels([bench.path, ...sources], data, { indices, workers, session }),
  );
  return fidelities.map((fidelity, k) => ({
    sqnrDb: fidelity ? (fidelity.sqnrDb ?? Number.POSITIVE_INFINITY) : Number.NEGATIVE_INFINITY,
    agreement: classifications
      ? comparePredictions(classifications[0]!.predictions, classifications[k + 1]!.predictions).agreement
      : 1,
  }));
}
