import { corrupted } from '../data/corrupt.js';
import { openDataset } from '../data/open.js';
import { UserError } from '../errors.js';
import type { NamedValues } from '../ir/types.js';
import type { Report } from '../report/schema.js';
import { ExitWatch, exitFigures } from './adaptive-file.js';
import type { CommandContext } from './context.js';
import { type EvaluateOptions, evaluateOptions } from './evaluate-options.js';
import { finish } from './finish.js';
import { openGates } from './gating.js';
import { resolveModelPath } from './model-path.js';
import { latencyOf, modelBytes, modelReport, reportHead } from './reporting.js';
import { checkReportPaths } from './reports.js';
import { runModels, skipWarnings } from './run-models.js';
import { latencyFeeds, measureOne, variedFeeds } from './verify.js';
import { datasetOptions, openWorkbench } from './workbench.js';

export { evaluateOptions as options };

/** Measures a model and shows what was found. */
export async function run(path: string, options: EvaluateOptions, context: CommandContext): Promise<number> {
  return finish(await evaluate(path, options, context), options, context);
}

/** Measures a model on labelled data. */
export async function evaluate(given: string, options: EvaluateOptions, context: CommandContext): Promise<Report> {
  const startedAt = new Date();
  const path = resolveModelPath(given);
  checkReportPaths(options);
  const bench = await openWorkbench(path, options, context);
  const { data, corrupt } = options;
  const worse =
    corrupt === undefined
      ? undefined
      : corrupted(await openDataset(data, datasetOptions(options)), corrupt, options.seed);
  if (worse) context.note(`the data is corrupted: ${worse.description}`);
  const test = await bench.open(worse?.dataset ?? data);
  const gates = await openGates(options, test);
  const watch = ExitWatch.of(bench.model);
  const running = { ...options, onOutputs: ([outputs]: readonly NamedValues[]) => watch?.add(outputs!) };
  const { classifications, samples } = await runModels(bench, test, [path], running, context);
  if (!classifications)
    throw new UserError(`output '${test.output}' holds no class scores`, {
      file: path,
      mend: 'evaluate classifiers here: one row of scores per sample',
    });
  if (!test.labels.labelled)
    throw new UserError('has no labels', { file: options.data, mend: 'give labelled data, or name --label-column' });
  const spent = watch && (await exitFigures(watch, bench, test, classifications[0]!, options, context));
  const feeds = options.benchmark ? await (watch ? variedFeeds(test) : latencyFeeds(bench, test)) : undefined;
  const latency = feeds && (await measureOne(bench, feeds));
  const model = await modelReport({
    role: 'original',
    path,
    model: bench.model,
    bytes: await modelBytes(path, bench.model),
    macs: watch?.macs,
    provider: bench.provider,
    classification: classifications[0],
    latency: latencyOf(latency, 0),
  });
  const head = reportHead('evaluate', options, startedAt, {
    provider: bench.provider,
    threads: options.threads ?? 1,
    data: { path: options.data, task: test, samples, limit: options.limit },
  });
  const judged = gates.check({ ...head, model });
  return {
    ...head,
    models: [model],
    ...(spent && { adaptive: spent.adaptive }),
    gates: judged.gates,
    warnings: [
      ...(worse ? [`the data was corrupted before it was used: ${worse.description}`] : []),
      ...skipWarnings(test),
      ...(spent?.warnings ?? []),
      ...judged.warnings,
    ],
  };
}
