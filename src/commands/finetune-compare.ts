import type { TaskData } from '../data/task.js';
import type { Model } from '../ir/model.js';
import { encodeModel } from '../onnx/write.js';
import { headConstants } from '../passes/replace-head.js';
import { seededRandom } from '../random.js';
import type { ModelReport } from '../report/schema.js';
import { withLoadable } from '../runtime/source.js';
import { initialize } from '../training/initialize.js';
import { findParameters } from '../training/parameters.js';
import { withWeights } from '../training/weights.js';
import type { CommandContext } from './context.js';
import type { FinetuneOptions } from './finetune-options.js';
import { planFinetuning } from './finetune-plan.js';
import { modelReport } from './reporting.js';
import { runModels } from './run-models.js';
import type { TrainingData } from './training-data.js';
import { runTraining } from './training-run.js';
import { deriveWorkbench, type Workbench } from './workbench.js';

/** Another way to train the same model, to see what the one chosen is worth. */
interface Rival {
  role: string;
  /** The model that training begins with. */
  start(bench: Workbench, seed: number): Model;
  /** What of the options is different. */
  options(bench: Workbench, output: string): Partial<FinetuneOptions>;
}

/** How a model can be trained for a task: its last layer alone, all of it, or all of it from random weights. */
const RIVALS: readonly Rival[] = [
  {
    role: 'linear-probe',
    start: ({ model }) => model,
    options: ({ model }, output) => ({ freeze: othersThan(model, headConstants(model, output)) }),
  },
  { role: 'full', start: ({ model }) => model, options: () => ({ freeze: [], freezeLayers: 0 }) },
  {
    role: 'from-scratch',
    start: ({ model }, seed) => {
      const random = seededRandom(seed);
      return withWeights(model, new Map(findParameters(model).map((one) => [one.name, initialize(one, random)])));
    },
    options: () => ({ freeze: [], freezeLayers: 0, layerDecay: 1 }),
  },
];

const isFull = ({ freeze, freezeLayers }: FinetuneOptions) => freeze.length === 0 && freezeLayers === 0;

/**
 * Finds out, before anything is trained, whether a model can be trained in the other ways that there are.
 * @throws UserError where its last layer cannot be told, or gradients cannot pass where none had to
 */
export async function checkRivals(
  bench: Workbench,
  training: TrainingData,
  options: FinetuneOptions,
  context: CommandContext,
): Promise<void> {
  headConstants(bench.model, training.data.output);
  if (isFull(options)) return;
  const all = { ...options, freeze: [], freezeLayers: 0, cacheFeatures: false };
  const plan = await planFinetuning(bench, training, all, { ...context, note: () => {} });
  plan.close();
}

/**
 * Trains a model in the other ways that there are, on the same data and with the same budget, and measures each on the
 * test data. Nothing of it is written.
 */
export async function trainRivals(
  bench: Workbench,
  training: TrainingData,
  test: TaskData,
  options: FinetuneOptions,
  context: CommandContext,
): Promise<ModelReport[]> {
  const reports: ModelReport[] = [];
  for (const rival of RIVALS.filter(({ role }) => role !== 'full' || !isFull(options))) {
    const start = rival.start(bench, options.seed);
    const own = await deriveWorkbench(bench, start, options);
    const changed = { ...options, ...rival.options(bench, training.data.output), resume: false };
    const plan = await planFinetuning(own, training, changed, context);
    const trained = await runTraining({ bench: own, training, label: rival.role, ...plan }, changed, context).finally(
      plan.close,
    );
    reports.push(await measure(bench, rival.role, trained.model, test, options, context));
  }
  return reports;
}

async function measure(
  bench: Workbench,
  role: string,
  model: Model,
  test: TaskData,
  options: FinetuneOptions,
  context: CommandContext,
): Promise<ModelReport> {
  const { classifications } = await withLoadable([model], (sources) =>
    runModels(bench, test, sources, options, context),
  );
  return modelReport({
    role,
    path: `${bench.path} (${role}, not written)`,
    model,
    bytes: encodeModel(model).length,
    provider: bench.provider,
    classification: classifications?.[0],
  });
}

/** Names of all parameters but some, as patterns. */
function othersThan(model: Model, names: readonly string[]): string[] {
  return findParameters(model)
    .map(({ name }) => name)
    .filter((name) => !names.includes(name));
}
