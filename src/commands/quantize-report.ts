import type { TaskData } from '../data/task.js';
import type { Trial } from '../passes/quantize/auto.js';
import type { Comparison, Interval, ModelReport, NodeReport, Report, Trial as TrialReport } from '../report/schema.js';
import { pointsText } from '../report/summary.js';
import type { LatencySeries } from '../runtime/latency.js';
import type { Calibration } from './calibration.js';
import { changedSamples, withPreviews } from './changed-samples.js';
import type { Gates } from './gating.js';
import type { QuantizedResult } from './quantize-gate.js';
import type { QuantizeOptions } from './quantize-options.js';
import type { ChosenPlan } from './quantize-plan.js';
import type { TargetAdvice } from './quantize-target.js';
import type { TrainedPlan } from './quantize-training.js';
import { comparisonReport, latencyOf, type ModelFindings, modelBytes, modelReport, reportHead } from './reporting.js';
import { resultSpeedWarnings } from './speed-warnings.js';
import { trainingReport } from './training-run.js';
import { type SpotCheck, type Verification, writtenBytes } from './verify.js';
import type { Workbench } from './workbench.js';

/** Everything that a quantization found. */
export interface Findings {
  bench: Workbench;
  test: TaskData | undefined;
  calibration: Calibration | undefined;
  advice: TargetAdvice;
  chosen: ChosenPlan;
  /** How the plan was trained, where it was. */
  training: TrainedPlan | undefined;
  result: QuantizedResult;
  spot: SpotCheck;
  nodes: NodeReport[];
  verification: Verification;
  latencies: LatencySeries[] | undefined;
  gates: Gates;
}

/** The report of a quantization. */
export async function buildReport(
  written: { path: string; output: string; startedAt: Date; warnings: string[] },
  findings: Findings,
  options: QuantizeOptions,
): Promise<Report> {
  const { bench, test, calibration, chosen, training, result, spot, nodes, verification, latencies, gates } = findings;
  const latency = (k: number) => latencyOf(latencies?.[0], k);
  const original: ModelFindings = {
    role: 'original',
    path: written.path,
    model: bench.model,
    bytes: await modelBytes(written.path, bench.model),
    macs: result.watches[0]?.macs,
    provider: bench.provider,
    classification: result.before,
    latency: latency(0),
  };
  const compressed: ModelFindings = {
    role: 'compressed',
    path: written.output,
    model: verification.model,
    bytes: verification.bytes,
    macs: result.watches[1]?.macs,
    provider: bench.provider,
    classification: result.after,
    fidelity: test ? result.fidelity : spot.fidelity,
    agreement: result.agreement,
    latency: latency(1),
  };
  const untrained = training && untrainedFindings(training, result, original, written.output);
  const models = await Promise.all([original, ...(untrained ? [untrained] : []), compressed].map(modelReport));
  const comparison = comparisonReport(original, compressed, latencies, options.confidence);
  const qat = training && qatReport(training, untrained!, compressed, options);
  const data = test && { path: options.data!, task: test, samples: result.samples, limit: options.limit };
  const head = reportHead('quantize', { ...options, output: written.output }, written.startedAt, {
    provider: bench.provider,
    threads: 1,
    data,
  });
  const judged = gates.check({ ...head, model: models.at(-1)!, comparison, pairs: result.pairs });
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
      ...(qat && { qat }),
    },
    ...(training && { training: trainingReport(training.trained)! }),
    ...(changed && { changedSamples: changed }),
    ...(result.watches[1] && result.after && { adaptive: result.watches[1].report(result.after) }),
    ...(calibration && {
      calibration: {
        path: calibration.path,
        samples: calibration.indices.length,
        method: chosen.settings.calibrationMethod,
      },
    }),
    gates: options.dryRun ? judged.gates.filter(({ value }) => value !== undefined) : judged.gates,
    warnings: [
      ...(training ? trainedWarnings(training, qat?.againstPostTraining.accuracyDrop) : []),
      ...written.warnings,
      ...sizeWarnings(comparison),
      ...slownessWarnings(models, comparison, findings, options),
      ...judged.warnings,
    ],
  };
}

/** Says so where the file has grown. */
export function sizeWarnings({ sizeRatio }: Pick<Comparison, 'sizeRatio'>): string[] {
  if (sizeRatio === undefined || sizeRatio >= 1) return [];
  const times = (1 / sizeRatio).toFixed(2);
  return [
    `larger than the original (${times} times its size): its weights take so little room that the nodes around them take ` +
      'more than integers save; keep the original, or try --method fp16',
  ];
}

function slownessWarnings(
  models: readonly ModelReport[],
  comparison: Comparison,
  { verification, advice: { method, halfTarget } }: Findings,
  { prefer }: QuantizeOptions,
): string[] {
  if (!comparison.speedup) return [];
  if (method !== 'fp16' && !Object.values(verification.integerKernels).some((count) => count > 0))
    return ['no integer kernel was faster than float on this machine: weights are stored small and computed in float'];
  if (prefer === 'size') return [];
  const cause = halfTarget
    ? 'float16 does not pay for this model here'
    : 'the layers are too small for integer kernels to pay, or the conversions around them cost more than they save; ' +
      'try --method auto or --exclude';
  return resultSpeedWarnings(models, comparison, cause);
}

function untrainedFindings(
  { postTraining }: TrainedPlan,
  { others }: QuantizedResult,
  { provider }: ModelFindings,
  output: string,
): ModelFindings {
  return {
    role: 'post-training',
    path: `${output} (before training, not written)`,
    model: postTraining,
    bytes: writtenBytes(postTraining),
    provider,
    classification: others?.[0],
  };
}

/** What training gave beside post-training quantization. */
function qatReport(
  { taught, labelled, ranges }: TrainedPlan,
  untrained: ModelFindings,
  compressed: ModelFindings,
  { temperature, alpha, confidence }: QuantizeOptions,
): NonNullable<NonNullable<Report['quantization']>['qat']> {
  return {
    temperature,
    alpha,
    samples: taught.indices.length,
    labelled,
    ranges,
    againstPostTraining: comparisonReport(untrained, compressed, undefined, confidence),
  };
}

/** Says plainly where training was of no use. */
function trainedWarnings({ trained: { bestEpoch, stopped } }: TrainedPlan, drop: Interval | undefined): string[] {
  const warnings = stopped === undefined ? [] : [`training ended early: ${stopped}`];
  if (bestEpoch === 0) return [...warnings, 'training did not help: the result is that of post-training quantization'];
  if (!drop || drop.high < 0) return warnings;
  const points = `${pointsText(drop)} of accuracy against post-training quantization`;
  return [
    ...warnings,
    drop.low > 0 ? `training did harm: ${points}` : `training did not help beyond chance: ${points}`,
  ];
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
