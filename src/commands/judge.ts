import { sampleOf, type TaskData } from '../data/task.js';
import { comparePredictions } from '../evaluate/compare.js';
import { evaluateModels } from '../evaluate/evaluate-models.js';
import { typicalLatency } from '../evaluate/ratio.js';
import type { Model } from '../ir/model.js';
import { tensorBytes } from '../onnx/write.js';
import type { Build, Fidelity, Judge } from '../passes/quantize/auto.js';
import { type LatencyBudget, measureLatency, type TimedInputs } from '../runtime/latency.js';
import { withLoadable } from '../runtime/source.js';
import type { ModelForm } from './adaptive-file.js';
import type { Workbench } from './workbench.js';

/** Samples on which candidate models are compared with the original. */
const COMPARED_SAMPLES = 256;
/** Models of more bytes are built and measured one at a time. */
const SIDE_BY_SIDE = 100e6;
const BUDGET: LatencyBudget = { milliseconds: 600, rounds: [5, 200] };

/**
 * Measures candidate models against the original: speed in alternation on one thread, fidelity on calibration inputs.
 * @param feeds inputs per batch size.
 * @param finish what is measured of a candidate; itself where absent.
 */
export function createJudge(
  bench: Workbench,
  calibration: TaskData | undefined,
  feeds: readonly TimedInputs[],
  options: { seed: number; benchmark: boolean },
  finish: ModelForm['finish'] = async (model) => model,
): Judge {
  const groupsOf = (models: readonly Build[]) =>
    tensorBytes(bench.model) > SIDE_BY_SIDE ? models.map((model) => [model]) : [models];
  const inGroups = async <T>(models: readonly Build[], measure: (models: readonly Model[]) => Promise<T[]>) => {
    const results: T[] = [];
    for (const group of groupsOf(models)) {
      const built = await Promise.all(group.map((build) => finish(build())));
      results.push(...(await measure(built)));
    }
    return results;
  };
  const judge: Judge = {};
  if (calibration)
    judge.fidelities = (models) => inGroups(models, (group) => fidelitiesOf(bench, calibration, group, options.seed));
  if (options.benchmark) judge.speedups = (models) => inGroups(models, (group) => speedupsOf(bench, feeds, group));
  return judge;
}

async function speedupsOf(
  bench: Workbench,
  feeds: readonly TimedInputs[],
  models: readonly Model[],
): Promise<number[][]> {
  const session = { ...bench.session, threads: 1 };
  const series = await withLoadable(models, (sources) =>
    measureLatency([bench.path, ...sources], feeds, session, BUDGET),
  );
  return models.map((_, k) =>
    series.map(
      ({ milliseconds, varied }) =>
        typicalLatency(milliseconds[0]!, varied) / typicalLatency(milliseconds[k + 1]!, varied),
    ),
  );
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
