import type { TaskData } from '../data/task.js';
import type { ClassificationAccumulator } from '../evaluate/classification.js';
import { comparePredictions } from '../evaluate/compare.js';
import type { Fidelity } from '../evaluate/fidelity.js';
import type { PairedCounts } from '../evaluate/paired.js';
import type { Model } from '../ir/model.js';
import type { NamedValues } from '../ir/types.js';
import type { Comparison, Report } from '../report/schema.js';
import type { LatencySeries, TimedInputs } from '../runtime/latency.js';
import { batchSize } from '../runtime/pool.js';
import { withLoadable } from '../runtime/source.js';
import { changedSamples, withPreviews } from './changed-samples.js';
import type { CommandContext } from './context.js';
import type { Gates } from './gating.js';
import { leaveGroup } from './group.js';
import { comparisonReport, latencyOf, type ModelFindings, modelBytes, modelReport, reportHead } from './reporting.js';
import { runLanes, skipWarnings } from './run-models.js';
import { resultSpeedWarnings } from './speed-warnings.js';
import {
  latencyFeeds,
  measureFiles,
  noteLeftOut,
  spotCheck,
  variedFeeds,
  writeAndVerify,
  writtenBytes,
} from './verify.js';
import type { Workbench } from './workbench.js';

/** A model that was made, and what it is judged by. */
export interface Result {
  command: string;
  /** The original; of a model that was not made from another one, itself before it was trained. */
  bench: Workbench;
  /** True where there is no original: a contender takes its place in comparisons. */
  isNew?: boolean;
  /** False where the result tells other classes apart than the original, so that quality cannot be compared. */
  sameTask: boolean;
  /** The result. */
  model: Model;
  output: string;
  test: TaskData | undefined;
  /** Where inputs come from that latency is measured on, if there is no test data. */
  inputs: TaskData | undefined;
  gates: Gates;
  startedAt: Date;
  /** Where the cost of the result depends on the input: the mean multiply-accumulates of a sample. Latency is then the mean
   * over many samples. */
  meanMacs?: number | undefined;
  /** Multiply-accumulates of a sample, where they do not follow from the graph. */
  macs?: number | undefined;
  /** Models that the result is shown beside. */
  contenders?: readonly Contender[];
  /** Role of the contender that gates compare the result with; the original where absent. */
  gatedAgainst?: string;
}

/** A model that a result is shown beside: one like it, or one that takes the data in a form of its own. */
export interface Contender {
  role: string;
  path: string;
  model: Model;
  /** Absent where it is a model like the result, without a file of its own. */
  own?: { bench: Workbench; test: TaskData | undefined; inputs: TaskData; classOrder: readonly number[] | undefined };
}

/** A report, and what its models were found to be. */
export interface Judgement {
  report: Report;
  /** Absent where there is none. */
  original: ModelFindings | undefined;
  compressed: ModelFindings;
  contenders: ModelFindings[];
  /** Of the original, where there is one, the result, and the contenders with a file, in this order. */
  latencies: readonly LatencySeries[] | undefined;
}

/** Options of a command that writes a model and judges it. */
export interface JudgingOptions {
  data?: string | undefined;
  limit?: number | undefined;
  confidence?: number | undefined;
  benchmark: boolean;
  force: boolean;
  threads?: number | undefined;
}

/**
 * Writes a model, reads it again, and compares it with its original on test data: quality, changed samples, size, speed.
 * @returns a report, to which the command adds what it did.
 */
export async function writeAndJudge(result: Result, options: JudgingOptions, context: CommandContext): Promise<Report> {
  return (await judgeResult(result, options, context)).report;
}

/** The same, with the findings that the report was made from. */
export async function judgeResult(
  result: Result,
  options: JudgingOptions,
  context: CommandContext,
): Promise<Judgement> {
  const { bench, isNew, test, output, model, sameTask, contenders = [] } = result;
  await leaveGroup(context);
  const feeds = await latencyFeeds(bench, test ?? result.inputs);
  const spot = await spotCheck(model, bench, feeds[0]!, isNew);
  const verification = await writeAndVerify(model, spot, output, options.force, bench, feeds[0]!);
  noteLeftOut(verification, context);
  const quality = test && (await compareQuality(result, test, options, context));
  const timing = options.benchmark ? await timingOf(result, feeds) : undefined;
  const latencies = timing && (await measureAll(result, timing));
  const place = filesOf(result).indexOf(output);
  const latency = (k: number) => latencyOf(latencies?.[0], k);
  const original: ModelFindings | undefined = isNew
    ? undefined
    : {
        role: 'original',
        path: bench.path,
        model: bench.model,
        bytes: await modelBytes(bench.path, bench.model),
        provider: bench.provider,
        classification: quality?.before,
        latency: latency(0),
      };
  const compressed: ModelFindings = {
    role: 'compressed',
    path: output,
    model: verification.model,
    bytes: verification.bytes,
    macs: result.meanMacs ?? result.macs,
    provider: bench.provider,
    classification: quality?.after,
    fidelity: sameTask && original ? (quality?.fidelity ?? spot.fidelity) : undefined,
    agreement: quality?.agreement,
    latency: latency(place),
  };
  const others = await Promise.all(
    contenders.map(async ({ role, path, model, own }, k): Promise<ModelFindings> => {
      const turn = (timing?.others ?? []).findIndex(({ contender }) => contender === contenders[k]);
      return {
        role,
        path,
        model,
        bytes: own ? await modelBytes(path, model) : writtenBytes(model),
        provider: bench.provider,
        classification: quality?.contenders[k],
        latency: turn < 0 ? undefined : latency(place + 1 + turn),
      };
    }),
  );
  const found = { original, compressed, contenders: others, quality, latencies };
  return { report: await assemble(result, found, options), ...found };
}

/** The files of the original, where there is one, and of the result. */
const filesOf = ({ bench, isNew, output }: Result): string[] => (isNew ? [output] : [bench.path, output]);

/** What is timed at each batch size: the original and the result, and contenders on inputs of their own. */
interface Timing {
  feeds: readonly TimedInputs[];
  others: { contender: Contender; feeds: readonly TimedInputs[] }[];
}

/** The contenders that have a file and take as many samples at a time as the result does are timed beside it. */
async function timingOf(result: Result, single: readonly NamedValues[]): Promise<Timing> {
  const { bench, test, inputs, contenders = [], meanMacs } = result;
  const feedsOf = (own: Workbench, data: TaskData | undefined) =>
    data && meanMacs !== undefined ? variedFeeds(data) : latencyFeeds(own, data);
  const feeds = meanMacs === undefined ? single : await feedsOf(bench, test ?? inputs);
  const others: Timing['others'] = [];
  for (const contender of contenders) {
    if (!contender.own) continue;
    const own = await feedsOf(contender.own.bench, contender.own.test ?? contender.own.inputs);
    if (own.map(samplesOf).join() === feeds.map(samplesOf).join()) others.push({ contender, feeds: own });
  }
  return { feeds, others };
}

const samplesOf = (feeds: TimedInputs) => batchSize([feeds].flat()[0]!);

function measureAll(result: Result, { feeds, others }: Timing): Promise<LatencySeries[]> {
  const own = filesOf(result);
  const inputs = feeds.map((feed, k) => ({
    each: [...own.map(() => feed), ...others.map((other) => other.feeds[k]!)],
  }));
  return measureFiles(result.bench, [...own, ...others.map(({ contender }) => contender.path)], inputs);
}

interface Quality {
  samples: number;
  before: ClassificationAccumulator | undefined;
  after: ClassificationAccumulator | undefined;
  contenders: (ClassificationAccumulator | undefined)[];
  fidelity: Fidelity | undefined;
  agreement: number | undefined;
  pairs: PairedCounts | undefined;
  changed: Report['changedSamples'];
}

async function compareQuality(
  result: Result,
  test: TaskData,
  options: JudgingOptions,
  context: CommandContext,
): Promise<Quality> {
  const { bench, isNew, sameTask, output, contenders = [], gatedAgainst } = result;
  const like = contenders.filter(({ own }) => !own);
  const others = contenders.filter(({ own }) => own);
  const files = sameTask ? filesOf(result) : [output];
  const evaluation = await withLoadable(
    like.map(({ model }) => model),
    (sources) => {
      const lanes = others.map(({ path, own }) => ({
        models: [path],
        data: own!.test!,
        classOrder: own!.classOrder,
      }));
      return runLanes(bench, [{ models: [...files, ...sources], data: test }, ...lanes], options, context);
    },
  );
  const found = evaluation.classifications ?? [];
  const after = found[files.length - 1];
  const further = new Map([...like, ...others].map((one, k) => [one, found[files.length + k]]));
  const rival = contenders.find(({ role }) => role === gatedAgainst);
  const before = isNew ? rival && further.get(rival) : sameTask ? found[0] : undefined;
  after?.checkFinite();
  const comparison = before && after && comparePredictions(before.predictions, after.predictions);
  return {
    samples: evaluation.samples,
    before,
    after,
    contenders: contenders.map((one) => further.get(one)),
    fidelity: isNew ? undefined : evaluation.fidelities[0],
    agreement: comparison?.agreement,
    pairs: comparison?.labelled?.pairs,
    changed: before && after && (await withPreviews(changedSamples(before, after, evaluation.indices, test), test)),
  };
}

async function assemble(
  { command, bench, output, startedAt, gates, test, gatedAgainst }: Result,
  found: Omit<Judgement, 'report'> & { quality: Quality | undefined },
  options: JudgingOptions,
): Promise<Report> {
  const { original, compressed, contenders, quality, latencies } = found;
  const all = [...(original ? [original] : []), ...contenders, compressed];
  const models = await Promise.all(all.map(modelReport));
  const head = reportHead(command, { ...options, output }, startedAt, {
    provider: bench.provider,
    threads: 1,
    data: test && { path: options.data!, task: test, samples: quality!.samples, limit: options.limit },
  });
  const rival = contenders.find(({ role }) => role === gatedAgainst);
  const against = rival && compareWith(rival, found, options.confidence);
  const comparison = original
    ? comparisonReport(original, compressed, latencies, options.confidence)
    : against?.comparison;
  const judged = gates.check({
    ...head,
    model: models.at(-1)!,
    ...(against ?? { comparison, pairs: quality?.pairs }),
  });
  return {
    ...head,
    models,
    ...(comparison && { comparison }),
    ...(quality?.changed && { changedSamples: quality.changed }),
    gates: judged.gates,
    warnings: [...(test ? skipWarnings(test) : []), ...resultSpeedWarnings(models, comparison), ...judged.warnings],
  };
}

/** How a result differs from a contender, and how often only one of the two is right. */
export const compareWith = (
  rival: ModelFindings,
  judged: Pick<Judgement, 'original' | 'compressed' | 'contenders' | 'latencies'>,
  confidence: number | undefined,
) => compareModels(rival, judged.compressed, judged, confidence);

/** How one of the models that were judged differs from another. */
export function compareModels(
  before: ModelFindings,
  after: ModelFindings,
  {
    original,
    compressed,
    contenders,
    latencies,
  }: Pick<Judgement, 'original' | 'compressed' | 'contenders' | 'latencies'>,
  confidence: number | undefined,
): { comparison: Comparison; pairs: PairedCounts | undefined; agreement: number | undefined } {
  const timed = [original, compressed, ...contenders].filter((model) => model?.latency);
  const places = [before, after].map((model) => timed.indexOf(model));
  const series = places.includes(-1)
    ? undefined
    : latencies?.map((one) => ({ ...one, milliseconds: places.map((k) => one.milliseconds[k]!) }));
  const [a, b] = [before.classification, after.classification];
  const compared = a && b && comparePredictions(a.predictions, b.predictions, confidence);
  return {
    comparison: comparisonReport(before, after, series, confidence),
    pairs: compared?.labelled?.pairs,
    agreement: compared?.agreement,
  };
}
