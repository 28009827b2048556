import type { TaskData } from '../data/task.js';
import { EXIT, UserError } from '../errors.js';
import { percentile } from '../evaluate/statistics.js';
import { checkOutput } from '../files.js';
import type { Trial } from '../passes/quantize/auto.js';
import { type PreparedModel, prepareForQuantization } from '../passes/quantize/index.js';
import type { Plan } from '../passes/quantize/plan.js';
import { measureSensitivity } from '../passes/quantize/sensitivity.js';
import { formatBytes } from '../report/format.js';
import type { ModelReport, NodeReport, Report, Trial as TrialReport } from '../report/schema.js';
import type { LatencySeries } from '../runtime/latency.js';
import { type Calibration, openCalibration } from './calibration.js';
import { changedSamples, withPreviews } from './changed-samples.js';
import type { CommandContext } from './context.js';
import { finish } from './finish.js';
import { type Gates, openGates } from './gating.js';
import { createJudge } from './judge.js';
import { isHubLayout, marked, resolveModelPath } from './model-path.js';
import { decisionsOf } from './quantize-decisions.js';
import { type QuantizedResult, quantizeWithinGate } from './quantize-gate.js';
import { type QuantizeOptions, quantizeOptions } from './quantize-options.js';
import { type ChosenPlan, choosePlan } from './quantize-plan.js';
import { resolveTarget, type TargetAdvice } from './quantize-target.js';
import { comparisonReport, latencyOf, type ModelFindings, modelBytes, modelReport, reportHead } from './reporting.js';
import { checkReportPaths, showReport } from './reports.js';
import { skipWarnings } from './run-models.js';
import {
  foresee,
  latencyFeeds,
  measureFiles,
  type SpotCheck,
  spotCheck,
  type Verification,
  writeAndVerify,
} from './verify.js';
import { openWorkbench, type Workbench } from './workbench.js';

export { quantizeOptions as options };

/** Quantizes a model and shows what that did; with `dryRun`, what it would do. */
export async function run(path: string, options: QuantizeOptions, context: CommandContext): Promise<number> {
  const report = await quantize(path, options, context);
  if (!options.dryRun) return finish(report, options, context);
  if (options.json) await showReport(report, options, context);
  else showPlan(report, context);
  return EXIT.ok;
}

/**
 * Quantizes a model, verifies the file as written, and reports what it did to size, speed and quality. With `dryRun`
 * nothing is written, and the report tells of the model that would be.
 */
export async function quantize(given: string, options: QuantizeOptions, context: CommandContext): Promise<Report> {
  const startedAt = new Date();
  const path = resolveModelPath(given);
  checkReportPaths(options);
  if (options.output !== undefined) checkOutput(options.output, options.force || options.dryRun);
  const bench = await openWorkbench(path, options, context);
  const advice = await resolveTarget(options, bench.provider);
  const output = options.output ?? defaultOutput(path, advice.method);
  checkOutput(output, options.force || options.dryRun);

  const preparing = prepareForQuantization(bench.model);
  preparing.catch(() => {}); // it may fail before its turn to be awaited comes
  const test = options.data === undefined ? undefined : await bench.open(options.data);
  const gates = await openGates(options, test);
  const calibration = await openCalibration(bench, options, test);
  const prepared = await preparing;
  if (!prepared.survey.candidates.length) throw nothingToQuantize(path, prepared);

  const feeds = await latencyFeeds(bench, test ?? calibration?.data);
  const judge = createJudge(bench, calibration?.data, feeds, options);
  const chosen = await choosePlan(bench, prepared, calibration, judge, { ...options, ...advice }, context);
  const errors = errorMeasure(bench, prepared, chosen, calibration);
  const ranking = async (plan: Plan) => [...(await errors(plan))].sort((a, b) => a[1] - b[1]).map(([key]) => key);
  const result = await quantizeWithinGate(bench, chosen, test, ranking, options, context);
  const shown = options.report.length > 0 || options.json || options.dryRun;
  const nodes = decisionsOf(prepared, result.plan, chosen.excluded, shown ? await errors(result.plan) : new Map());
  if (nodes.every(({ decision }) => decision === 'float')) throw nothingToQuantize(path, prepared, chosen.excluded);

  const spot = await spotCheck(result.model, bench, feeds[0]!);
  const verification = options.dryRun
    ? await foresee(result.model, bench)
    : await writeAndVerify(result.model, spot, output, options.force, bench, feeds[0]!);
  const timed = options.benchmark && !options.dryRun;
  const latencies = timed ? await measureFiles(bench, [bench.path, output], feeds) : undefined;
  const warnings = [
    ...dataWarnings(test, calibration),
    ...advice.warnings,
    ...chosen.warnings,
    ...speedWarnings(latencies, verification, options.prefer, advice),
  ];
  return buildReport(
    { path, output, startedAt, warnings },
    { bench, test, calibration, chosen, result, spot, nodes, verification, latencies, gates },
    options,
  );
}

/** What is put before `.onnx`; in a folder `onnx`, the names that transformers.js loads. */
const MARKS = {
  plain: { int8: '.int8', int4: '.int4', fp16: '.fp16' },
  hub: { int8: '_quantized', int4: '_q4', fp16: '_fp16' },
};

/** The name of a result in the folder of its original: `model.int8.onnx` or, in a folder `onnx`, `model_quantized.onnx`. */
export function defaultOutput(path: string, method: QuantizeOptions['method']): string {
  const width = method === 'int4-weights' ? 'int4' : method === 'fp16' ? 'fp16' : 'int8';
  return marked(path, MARKS[isHubLayout(path) ? 'hub' : 'plain'][width]);
}

function nothingToQuantize(
  path: string,
  { survey }: PreparedModel,
  excluded: ReadonlyMap<string, string> = new Map(),
): UserError {
  if (excluded.size)
    return new UserError(`--include, --exclude and --ops leave no node to quantize of ${excluded.size}`, {
      file: path,
      mend: 'let some in',
    });
  const reasons = new Set(survey.refused.map(({ node, reason }) => `${node.label} (${node.type}): ${reason}`));
  const why = reasons.size ? ` (${[...reasons].slice(0, 3).join('; ')})` : '';
  return new UserError(`no node can be quantized${why}`, {
    file: path,
    mend: 'see nncompress inspect for what the model holds; a model that is quantized already stays as it is',
  });
}

/** Samples on which the error of each node is measured. */
const ERROR_SAMPLES = 64;

/** Measures the error of each node of a plan, once; nothing where there are no inputs to measure on. */
function errorMeasure(
  bench: Workbench,
  prepared: PreparedModel,
  chosen: ChosenPlan,
  calibration: Calibration | undefined,
): (plan: Plan) => Promise<Map<string, number>> {
  const known = new Map<string, number>();
  return async (plan) => {
    const missing = [...plan].filter(([key, treatment]) => treatment !== 'float' && !known.has(key));
    if (!calibration || !missing.length) return known;
    const { facts, settings } = chosen;
    const few = () => calibration.batches(ERROR_SAMPLES);
    const found = await measureSensitivity(prepared.model, plan, facts, settings, few, bench.session);
    for (const [key] of missing) known.set(key, found.get(key) ?? Number.POSITIVE_INFINITY);
    return known;
  };
}

function showPlan({ models, nodes = [], quantization }: Report, { print }: CommandContext): void {
  const [before, after] = models as [ModelReport, ModelReport];
  const sizes = `${formatBytes(after.bytes)} instead of ${formatBytes(before.bytes)}`;
  print(`would write ${after.path}: ${quantization!.method}, ${sizes}`);
  for (const { name, op, decision, reason } of nodes) print(`  ${name} (${op}): ${decision}, ${reason}`);
}

const NO_TEST_DATA =
  'accuracy was not checked: no labelled data was given (--data); outputs were compared on one input only';

function dataWarnings(test: TaskData | undefined, calibration: Calibration | undefined): string[] {
  const warnings = calibration?.warning ? [calibration.warning] : [];
  if (!test) warnings.push(NO_TEST_DATA);
  else if (!test.labels.labelled) warnings.push('accuracy was not checked: the data has no labels');
  if (!calibration)
    warnings.push('no inputs to calibrate on: activations stay in float or get their ranges at run time');
  return [...warnings, ...(test ? skipWarnings(test) : [])];
}

function speedWarnings(
  latencies: readonly LatencySeries[] | undefined,
  { integerKernels }: Verification,
  prefer: QuantizeOptions['prefer'],
  { method, halfTarget }: TargetAdvice,
): string[] {
  const [series] = latencies ?? [];
  if (!series) return [];
  const [before, after] = series.milliseconds.map((times) => percentile(times, 0.5)) as [number, number];
  const ratio = before / after;
  const kernels = Object.values(integerKernels).reduce((sum, count) => sum + count, 0);
  if (kernels === 0 && method !== 'fp16')
    return ['no integer kernel was faster than float on this machine: weights are stored small and computed in float'];
  if (ratio >= 0.95 || prefer === 'size') return [];
  const cause = halfTarget
    ? 'float16 does not pay for this model here'
    : 'the layers are too small for integer kernels to pay, or the conversions around them cost more than they save; ' +
      'try --method auto or --exclude';
  return [`slower than the original (${ratio.toFixed(2)} times its speed): ${cause}`];
}

function trialReport({ name, speedup, fidelity }: Trial, place: number): TrialReport {
  return {
    method: name,
    chosen: place === 0,
    ...(speedup && { speedups: [...speedup] }),
    ...(fidelity && Number.isFinite(fidelity.sqnrDb) && { sqnrDb: fidelity.sqnrDb }),
    ...(fidelity && { agreement: fidelity.agreement }),
  };
}

async function changedOf({ before, after, indices }: QuantizedResult, test: TaskData) {
  return before && after && withPreviews(changedSamples(before, after, indices, test), test);
}

/** Everything that a quantization found. */
interface Findings {
  bench: Workbench;
  test: TaskData | undefined;
  calibration: Calibration | undefined;
  chosen: ChosenPlan;
  result: QuantizedResult;
  spot: SpotCheck;
  nodes: NodeReport[];
  verification: Verification;
  latencies: LatencySeries[] | undefined;
  gates: Gates;
}

async function buildReport(
  written: { path: string; output: string; startedAt: Date; warnings: string[] },
  findings: Findings,
  options: QuantizeOptions,
): Promise<Report> {
  const { bench, test, calibration, chosen, result, spot, nodes, verification, latencies, gates } = findings;
  const latency = (k: number) => latencyOf(latencies?.[0], k);
  const original: ModelFindings = {
    role: 'original',
    path: written.path,
    model: bench.model,
    bytes: await modelBytes(written.path, bench.model),
    provider: bench.provider,
    classification: result.before,
    latency: latency(0),
  };
  const compressed: ModelFindings = {
    role: 'compressed',
    path: written.output,
    model: verification.model,
    bytes: verification.bytes,
    provider: bench.provider,
    classification: result.after,
    fidelity: test ? result.fidelity : spot.fidelity,
    agreement: result.agreement,
    latency: latency(1),
  };
  const models = [await modelReport(original), await modelReport(compressed)];
  const comparison = comparisonReport(original, compressed, latencies, options.confidence);
  const data = test && { path: options.data!, task: test, samples: result.samples, limit: options.limit };
  const head = reportHead('quantize', { ...options, output: written.output }, written.startedAt, {
    provider: bench.provider,
    threads: 1,
    data,
  });
  const judged = gates.check({ ...head, model: models[1]!, comparison, pairs: result.pairs });
  const changed = test && (await changedOf(result, test));
  return {
    ...head,
    models,
    comparison,
    nodes,
    quantization: {
      method: chosen.method,
      integerKernels: verification.integerKernels,
      settings: { ...chosen.settings },
      ...(chosen.trials.length > 1 && { trials: chosen.trials.map(trialReport) }),
    },
    ...(changed && { changedSamples: changed }),
    ...(calibration && {
      calibration: {
        path: calibration.path,
        samples: calibration.indices.length,
        method: chosen.settings.calibrationMethod,
      },
    }),
    gates: options.dryRun ? judged.gates.filter(({ value }) => value !== undefined) : judged.gates,
    warnings: [...written.warnings, ...judged.warnings],
  };
}
