import { firstSamples, sampleOf, type TaskData } from '../data/task.js';
import { UserError } from '../errors.js';
import type { ClassificationAccumulator } from '../evaluate/classification.js';
import { comparePredictions } from '../evaluate/compare.js';
import { evaluateModels } from '../evaluate/evaluate-models.js';
import type { Model } from '../ir/model.js';
import type { ChannelPruning } from '../passes/prune/prune-channels.js';
import type { Report, Sensitivity } from '../report/schema.js';
import { withLoadable } from '../runtime/source.js';
import { checkPrunable } from './prune-aim.js';
import { channelPreparer } from './prune-channels.js';
import { importanceOf } from './prune-importance.js';
import type { PruningSite } from './prune-method.js';
import { modelBytes, modelReport, reportHead } from './reporting.js';
import { skipWarnings } from './run-models.js';

/** Samples that models are run on where nothing is said: each group costs several runs. */
const SAMPLES = 1000;

/**
 * Measures what each group of channels is worth: the accuracy without a share of its channels, as they are removed and,
 * where there are inputs, once the layers that took them are fitted anew. All other groups stay whole.
 * @throws UserError where no channels can be removed, or the model gives no class scores
 */
export async function reportSensitivity(site: PruningSite, test: TaskData, startedAt: Date): Promise<Report> {
  const { bench, calibration, options } = site;
  const importance = await importanceOf(site);
  const pruning = await channelPreparer(importance, site)(bench.model);
  checkPrunable(pruning, bench);
  const indices =
    options.limit === undefined ? sampleOf(test, SAMPLES, options.seed) : firstSamples(test, options.limit);
  const run = (models: readonly Model[]) => classify(models, test, indices, site);
  const [whole] = (await run([bench.model])) as [ClassificationAccumulator];
  const score = (found: ClassificationAccumulator) =>
    test.labels.labelled ? found.result().accuracy : comparePredictions(whole.predictions, found.predictions).agreement;
  const groups = await measureGroups(pruning, site, async (models) => (await run(models)).map(score));
  const { path, model, provider } = bench;
  const found = { role: 'original', path, model, bytes: await modelBytes(path, model), provider };
  const data = { path: options.data!, task: test, samples: indices.length, limit: options.limit };
  return {
    ...reportHead('prune', options, startedAt, { provider, threads: 1, data }),
    models: [await modelReport({ ...found, classification: whole })],
    sensitivity: {
      importance: importance.name,
      samples: indices.length,
      measure: test.labels.labelled ? 'accuracy' : 'agreement',
      whole: score(whole),
      groups,
    },
    gates: [],
    warnings: [...skipWarnings(test), ...(calibration?.warning ? [calibration.warning] : [])],
  };
}

/** What each of some models predicts. @throws UserError where they give no class scores */
async function classify(
  models: readonly Model[],
  test: TaskData,
  indices: readonly number[],
  { bench: { path, workers, session } }: PruningSite,
): Promise<ClassificationAccumulator[]> {
  const { classifications } = await withLoadable(models, (sources) =>
    evaluateModels(sources, test, { indices, workers, session }),
  );
  if (classifications) return classifications;
  throw new UserError(`output '${test.output}' holds no class scores`, {
    file: path,
    mend: 'measure sensitivity of classifiers: one row of scores per sample',
  });
}

async function measureGroups(
  pruning: ChannelPruning,
  { bench, calibration, options, context }: PruningSite,
  scoresOf: (models: readonly Model[]) => Promise<number[]>,
): Promise<Sensitivity['groups']> {
  const shares = options.sensitivity!;
  const whole = pruning.groups.map(({ size }) => size);
  const task = context.progress.start('measuring what groups are worth', shares.length * whole.length);
  const refit = calibration && { batches: () => calibration.batches(), session: bench.session };
  const found: Sensitivity['groups'] = [];
  for (const [place, { name, size }] of pruning.groups.entries()) {
    const points: Sensitivity['groups'][number]['points'] = [];
    for (const share of shares) {
      const left = Math.max(1, size - Math.round(share * size));
      const widths = whole.with(place, left);
      const models = [(await pruning.prune({ widths })).model];
      if (refit) models.push((await pruning.prune({ widths }, refit)).model);
      const [removed, fitted] = await scoresOf(models);
      points.push({ share, left, removed: removed!, ...(fitted !== undefined && { fitted }) });
      task.advance();
    }
    found.push({ name, channels: size, points });
  }
  task.done();
  return found;
}
