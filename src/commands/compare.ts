import { sampleOf, type TaskData } from '../data/task.js';
import { comparePredictions } from '../evaluate/compare.js';
import type { Evaluation, EvaluationOptions } from '../evaluate/evaluate-models.js';
import { compareLayers, type LayerComparison } from '../evaluate/layers.js';
import type { Report } from '../report/schema.js';
import { renderChanges } from '../report/terminal-changes.js';
import type { LatencySeries, TimedInputs } from '../runtime/latency.js';
import { type ExitWatch, watchExits } from './adaptive-file.js';
import { changedSamples, withPreviews } from './changed-samples.js';
import { type CompareOptions, compareOptions } from './compare-options.js';
import type { CommandContext } from './context.js';
import { finish } from './finish.js';
import { openGates } from './gating.js';
import { type ModelPair, openPair } from './model-pair.js';
import { resolveModelPath } from './model-path.js';
import { comparisonReport, latencyOf, type ModelFindings, modelBytes, modelReport, reportHead } from './reporting.js';
import { checkReportPaths } from './reports.js';
import { runLanes, skipWarnings } from './run-models.js';
import { latencyFeeds, measureFiles, variedFeeds } from './verify.js';
import { openWorkbench } from './workbench.js';

export { compareOptions as options };

/** Compares two models and shows what differs. */
export async function run(
  first: string,
  second: string,
  options: CompareOptions,
  context: CommandContext,
): Promise<number> {
  const report = await compare(first, second, options, context);
  const code = await finish(report, options, context);
  if (!options.json) for (const line of renderChanges(report, context)) context.print(line);
  return code;
}

/** Compares two models of the same task on the same data: quality, changed samples, size, speed, inner values. */
export async function compare(
  first: string,
  second: string,
  options: CompareOptions,
  context: CommandContext,
): Promise<Report> {
  const startedAt = new Date();
  checkReportPaths(options);
  const benches = [
    await openWorkbench(resolveModelPath(first), options, context),
    await openWorkbench(resolveModelPath(second), options, context),
  ] as const;
  const pair = await openPair(benches, options.data);
  const gates = await openGates(options, pair.data[0]);
  const { watches, onOutputs } = watchExits(benches.map(({ model }) => model));
  const evaluation = await evaluatePair(pair, { ...options, onOutputs }, context);
  const layers = options.layers ? await pairLayers(pair, evaluation, options, context) : undefined;
  const latencies = options.benchmark ? await pairLatencies(pair, watches.some(Boolean)) : undefined;

  const findings = await findingsOf(pair, watches, evaluation, latencies);
  const models = await Promise.all(findings.map(modelReport));
  const comparison = comparisonReport(findings[0], findings[1], latencies, options.confidence);
  const head = reportHead('compare', options, startedAt, {
    provider: benches[0].provider,
    threads: options.threads ?? 1,
    data: { path: options.data, task: pair.data[0], samples: evaluation.samples, limit: options.limit },
  });
  const [before, after] = evaluation.classifications ?? [];
  const pairs = before && after && comparePredictions(before.predictions, after.predictions).labelled?.pairs;
  const changed =
    before &&
    after &&
    (await withPreviews(changedSamples(before, after, evaluation.indices, pair.data[0]), pair.data[0]));
  const judged = gates.check({ ...head, model: models[1]!, comparison, pairs });
  return {
    ...head,
    models,
    comparison,
    ...(changed && { changedSamples: changed }),
    ...(layers && { layers }),
    ...(watches[1] && after && { adaptive: watches[1].report(after) }),
    gates: judged.gates,
    warnings: [
      ...skipWarnings(pair.data[0]),
      ...(options.benchmark && !latencies ? ['latency was not compared: the models insist on other batch sizes'] : []),
      ...judged.warnings,
    ],
  };
}

/** Where samples leave each of two models, where their cost depends on the input. */
type Watches = readonly (ExitWatch | undefined)[];

function evaluatePair(
  { benches, lanes }: ModelPair,
  options: CompareOptions & Pick<EvaluationOptions, 'onOutputs'>,
  context: CommandContext,
) {
  const workers = Math.min(...benches.map((bench) => bench.workers));
  return runLanes({ workers, session: benches[0].session }, lanes, options, context);
}

/** Samples on which inner values are compared. */
const LAYER_SAMPLES = 32;

async function pairLayers(
  { benches, data }: ModelPair,
  { kinds }: Evaluation,
  { limit, seed }: CompareOptions,
  { progress }: CommandContext,
): Promise<LayerComparison> {
  const task = progress.start('comparing layers');
  const count = Math.min(LAYER_SAMPLES, limit ?? LAYER_SAMPLES);
  const [first, second] = benches.map(({ model }, k) => ({ model, data: data[k]! }));
  const indices = sampleOf(data[0], count, seed);
  const layers = await compareLayers(first!, second!, indices, benches[0].session, kinds[0] === kinds[1]);
  task.done();
  return layers;
}

/**
 * Latencies of both in alternation; undefined where they cannot run the same number of samples.
 * @param varied true where they depend on the input.
 */
async function pairLatencies(
  { benches, data, fixedBatch }: ModelPair,
  varied: boolean,
): Promise<LatencySeries[] | undefined> {
  if (data.some((each) => each.fixedBatch && each.fixedBatch !== fixedBatch)) return undefined;
  const feedsOf = (each: TaskData, k: number): Promise<TimedInputs[]> =>
    varied ? variedFeeds({ ...each, fixedBatch }) : latencyFeeds(benches[k]!, each, fixedBatch);
  const [first, second] = await Promise.all(data.map(feedsOf));
  const feeds = first!.map((feed, k) => ({ each: [feed, second![k]!] }));
  return measureFiles(
    benches[0],
    benches.map(({ path }) => path),
    feeds,
  );
}

async function findingsOf(
  { benches }: ModelPair,
  watches: Watches,
  { classifications, fidelities }: Evaluation,
  latencies: readonly LatencySeries[] | undefined,
): Promise<[ModelFindings, ModelFindings]> {
  const [before, after] = classifications ?? [];
  const findings = await Promise.all(
    benches.map(async ({ path, model, provider }, k): Promise<ModelFindings> => {
      return {
        role: k === 0 ? 'original' : 'compressed',
        path,
        model,
        bytes: await modelBytes(path, model),
        macs: watches[k]?.macs,
        provider,
        classification: classifications?.[k],
        latency: latencyOf(latencies?.[0], k),
      };
    }),
  );
  const agreement = before && after && comparePredictions(before.predictions, after.predictions).agreement;
  return [findings[0]!, { ...findings[1]!, fidelity: fidelities[0], agreement }];
}
