import { readFile } from 'node:fs/promises';
import { digestOf } from '../data/digest.js';
import { fileError } from '../data/files.js';
import { firstSamples, type TaskData } from '../data/task.js';
import { UserError } from '../errors.js';
import { regressionGates, type Tolerances } from '../evaluate/baseline.js';
import { evaluateGates, type GateFacts, type GateLimits, type GateResult } from '../evaluate/gates.js';
import type { PairedCounts } from '../evaluate/paired.js';
import { parseReport } from '../report/json.js';
import type { Comparison, ModelReport, Report } from '../report/schema.js';
import { flagOf } from './parse-options.js';

/** The options that set gates, and those that gates depend on. */
export interface GatingOptions extends GateLimits {
  baseline?: string | undefined;
  tolerance?: number | undefined;
  costTolerance?: number | undefined;
  benchmark: boolean;
  limit?: number | undefined;
}

/** What a command found, as far as gates look at it. */
export interface Judged {
  machine: Report['machine'];
  model: ModelReport;
  comparison?: Comparison | undefined;
  pairs?: PairedCounts | undefined;
  peakMemoryBytes: number;
}

/** Gates that were asked for and can be measured. */
export interface Gates {
  /** Checks them; warnings say what the baseline could not be compared by. */
  check(judged: Judged): { gates: GateResult[]; warnings: string[] };
}

const NEEDS_LABELS = ['maxDrop', 'minAccuracy', 'minRecall', 'minF1'] as const;
const NEEDS_LATENCY = ['maxLatency', 'minSpeedup'] as const;

/**
 * Reads the baseline and makes sure that everything asked for can be measured, before long work begins.
 * @throws UserError where a gate needs labels or latencies that there will be none of, names an unknown class, or where
 * the baseline was measured on other data or another task
 */
export async function openGates(options: GatingOptions, test: TaskData | undefined): Promise<Gates> {
  checkMeasurable(options, test);
  checkTolerances(options);
  checkClasses(options, test);
  const baseline = options.baseline === undefined ? undefined : await readBaseline(options.baseline);
  if (baseline) checkSameData(baseline, options, test);
  const { tolerance: quality = 0, costTolerance: cost = 0.1 } = options;
  const tolerances = { quality, cost };
  return {
    check(judged) {
      const facts = gateFacts(judged);
      const gates = evaluateGates(options, facts);
      if (!baseline) return { gates, warnings: [] };
      const compared = compareWithBaseline(baseline, judged, facts, tolerances);
      return { gates: [...gates, ...compared.gates], warnings: compared.warnings };
    },
  };
}

function checkMeasurable(options: GatingOptions, test: TaskData | undefined): void {
  const labelled = NEEDS_LABELS.find((key) => options[key] !== undefined);
  if (labelled && !test?.labels.labelled)
    throw new UserError(test ? `the data has no labels: ${test.dataset.path}` : 'needs labelled test data', {
      file: flagOf(labelled),
      mend: test ? 'give labelled data, or name --label-column' : 'name some with --data',
    });
  const timed = NEEDS_LATENCY.find((key) => options[key] !== undefined);
  if (timed && !options.benchmark)
    throw new UserError('latency is not measured with --no-benchmark', { file: flagOf(timed), mend: 'leave one out' });
}

/** @throws UserError where there is nothing that the model may be worse than by so much */
function checkTolerances(options: GatingOptions): void {
  const tolerance = (['tolerance', 'costTolerance'] as const).find((key) => options[key] !== undefined);
  if (!tolerance || options.baseline !== undefined) return;
  throw new UserError('says how much worse than a baseline a model may be, and none is given', {
    file: flagOf(tolerance),
    mend: 'name the report of one with --baseline, or leave it out',
  });
}

function checkClasses({ minRecall = [] }: GatingOptions, test: TaskData | undefined): void {
  const perClass = test?.labels.classes.map((name) => ({ class: name, value: 1, support: 1 })) ?? [];
  evaluateGates({ minRecall }, { recall: { macro: 1, micro: 1, weighted: 1, perClass } });
}

async function readBaseline(path: string): Promise<Report> {
  const text = await readFile(path, 'utf8').catch((error: NodeJS.ErrnoException) => {
    const what = error.code === 'ENOENT' ? 'no such file' : fileError(path, error).what;
    throw new UserError(what, { file: path, mend: 'give a report written by nncompress --report FILE.json' });
  });
  const report = parseReport(text, path);
  if (report.models.length) return report;
  throw new UserError('holds no model to compare with', { file: path, mend: 'give the report of a run' });
}

/** @throws UserError where the baseline's figures would not speak of the same thing */
function checkSameData({ data }: Report, options: GatingOptions, test: TaskData | undefined): void {
  const place = { file: options.baseline, mend: 'make a baseline with the same data and task' };
  if (!data) return;
  if (!test)
    throw new UserError(`the baseline was measured on ${data.path}, here no data is given`, {
      ...place,
      mend: 'name the data with --data',
    });
  const task = `${test.kind} with ${test.labels.classes.length} classes`;
  const itsTask = `${data.task} with ${data.classes} classes`;
  if (task !== itsTask) throw new UserError(`the baseline's task is ${itsTask}, here it is ${task}`, place);
  const indices = firstSamples(test, options.limit);
  const samples = data.samples + (data.skipped ?? 0);
  const same = data.digest === undefined ? samples === indices.length : data.digest === digestOf(test.dataset, indices);
  if (!same)
    throw new UserError(
      `the baseline was measured on other data: ${samples} samples of ${data.path}, here ${indices.length} of ` +
        `${test.dataset.path}`,
      place,
    );
}

function compareWithBaseline(
  baseline: Report,
  judged: Judged,
  facts: GateFacts,
  tolerances: Tolerances,
): { gates: GateResult[]; warnings: string[] } {
  const model = baseline.models.find(({ role }) => role === 'compressed') ?? baseline.models[0]!;
  const before = { ...gateFacts({ ...baseline, model }), peakMemoryBytes: undefined };
  const warnings: string[] = [];
  const leaveOut = (key: 'latencyMs' | 'speedup', why: string) => {
    if (before[key] === undefined) return;
    before[key] = undefined;
    warnings.push(`${key === 'speedup' ? 'speed-up' : 'latency'} is not compared with the baseline: ${why}`);
  };
  const otherPlace = differenceOf(baseline.machine, judged.machine);
  if (facts.latencyMs === undefined) leaveOut('latencyMs', 'it was not measured here');
  else if (otherPlace) leaveOut('latencyMs', otherPlace);
  else if (model.latency?.batch !== judged.model.latency?.batch) leaveOut('latencyMs', 'other samples per run');
  if (!model.metrics && judged.model.metrics) warnings.push('quality is not compared with the baseline: it holds none');
  if (facts.speedup === undefined) leaveOut('speedup', 'it was not measured here');
  return { gates: regressionGates(before, facts, tolerances), warnings };
}

/** Why latencies of two machines cannot be compared; undefined where they can. */
function differenceOf(before: Report['machine'], now: Report['machine']): string | undefined {
  if (before.cpu !== now.cpu) return `measured on another processor (${before.cpu})`;
  if (before.provider !== now.provider) return `measured on another provider (${before.provider})`;
  return before.threads === now.threads ? undefined : `measured with another number of threads (${before.threads})`;
}

/** True where a model loses no more than `maxDrop` against its original, as far as that is asked. */
export function keepsDrop(pairs: PairedCounts, { maxDrop, confidence }: GateLimits): boolean {
  return evaluateGates({ maxDrop, confidence }, { pairs }).every(({ passed }) => passed);
}

/** What gates look at. */
function gateFacts({ model, comparison, pairs, peakMemoryBytes }: Omit<Judged, 'machine'>): GateFacts {
  const { metrics, latency, bytes } = model;
  return {
    pairs,
    accuracy: metrics?.accuracy,
    labelAccuracy: metrics?.labelAccuracy,
    top5: metrics?.top5,
    recall: metrics?.recall,
    precision: metrics?.precision,
    f1: metrics?.f1,
    bytes,
    latencyMs: latency?.meanMs ?? latency?.medianMs,
    speedup: comparison?.speedup?.value,
    peakMemoryBytes,
  };
}
