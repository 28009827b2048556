import type { z } from 'zod';
import type { adaptOptions } from './commands/adapt-options.js';
import type { compareOptions } from './commands/compare-options.js';
import type { distillOptions } from './commands/distill-options.js';
import type { evaluateOptions } from './commands/evaluate-options.js';
import type { finetuneOptions } from './commands/finetune-options.js';
import type { InspectionReport, options as inspectOptions } from './commands/inspect.js';
import type { JobName } from './commands/jobs.js';
import type { RunListener } from './commands/library-context.js';
import type { pruneOptions } from './commands/prune-options.js';
import type { quantizeOptions } from './commands/quantize-options.js';
import type { Report } from './report/schema.js';

export type { InspectionReport } from './commands/inspect.js';
export type { RunListener } from './commands/library-context.js';
export { type ErrorPlace, UserError } from './errors.js';
export type {
  ChangedSample,
  Comparison,
  Gate,
  Interval,
  LayersReport,
  Metrics,
  ModelReport,
  NodeReport,
  Report,
} from './report/schema.js';

/** Options of the command line that make no sense inside a program. */
type Display = 'json' | 'quiet' | 'verbose' | 'color';

/** The options of `nncompress quantize` in camelCase; numbers and lists may be given as such. */
export type QuantizeOptions = Omit<z.input<typeof quantizeOptions>, Display>;
/** The options of `nncompress prune`. */
export type PruneOptions = Omit<z.input<typeof pruneOptions>, Display>;
/** The options of `nncompress finetune`. */
export type FinetuneOptions = Omit<z.input<typeof finetuneOptions>, Display>;
/** The options of `nncompress distill`. */
export type DistillOptions = Omit<z.input<typeof distillOptions>, Display>;
/** The options of `nncompress adapt`. */
export type AdaptOptions = Omit<z.input<typeof adaptOptions>, Display>;
/** The options of `nncompress evaluate`. */
export type EvaluateOptions = Omit<z.input<typeof evaluateOptions>, Display>;
/** The options of `nncompress compare`. */
export type CompareOptions = Omit<z.input<typeof compareOptions>, Display>;
/** The options of `nncompress inspect`. */
export type InspectOptions = Omit<z.input<typeof inspectOptions>, Display>;

/**
 * Quantizes a model, writes and verifies the result, and reports what that did to size, speed and quality. A gate that
 * fails throws nothing: see `gates` in the report.
 * @throws UserError for mistakes in the options, the model or the data, as the command names them
 */
export function quantize(model: string, options: QuantizeOptions = {}, listener: RunListener = {}): Promise<Report> {
  return runJob('quantize', [model], options, listener);
}

/**
 * Removes channels, layers or single weights of a model, trains it where there is data, writes the result and reports what
 * that did.
 * @throws UserError as `quantize` does
 */
export function prune(model: string, options: PruneOptions, listener: RunListener = {}): Promise<Report> {
  return runJob('prune', [model], options, listener);
}

/**
 * Trains a model further, or for other classes, writes the result and reports what that did to its quality.
 * @throws UserError as `quantize` does
 */
export function finetune(model: string, options: FinetuneOptions, listener: RunListener = {}): Promise<Report> {
  return runJob('finetune', [model], options, listener);
}

/**
 * Trains a student on what a teacher says of samples, writes the result and reports how it compares with the teacher and
 * with the student trained alone.
 * @param student undefined where `options.student` names one to be built.
 * @throws UserError as `quantize` does
 */
export function distill(
  student: string | undefined,
  options: DistillOptions,
  listener: RunListener = {},
): Promise<Report> {
  return runJob('distill', student === undefined ? [] : [student], options, listener);
}

/**
 * Makes a model spend less on easy inputs, writes the result and reports what samples cost and where they leave.
 * @throws UserError as `quantize` does
 */
export function adapt(model: string, options: AdaptOptions, listener: RunListener = {}): Promise<Report> {
  return runJob('adapt', [model], options, listener);
}

/** Measures a model on labelled data. @throws UserError as `quantize` does */
export function evaluate(model: string, options: EvaluateOptions, listener: RunListener = {}): Promise<Report> {
  return runJob('evaluate', [model], options, listener);
}

/** Compares two models of the same task on the same data. @throws UserError as `quantize` does */
export function compare(
  original: string,
  compressed: string,
  options: CompareOptions,
  listener: RunListener = {},
): Promise<Report> {
  return runJob('compare', [original, compressed], options, listener);
}

/** Finds out what a model consists of, what it costs and what can be compressed. @throws UserError as `quantize` does */
export async function inspect(model: string, options: InspectOptions = {}): Promise<InspectionReport> {
  const command = await import('./commands/inspect.js');
  const { parseOptions } = await import('./commands/parse-options.js');
  return command.inspect(model, parseOptions(command.options, options, placeOf));
}

async function runJob(name: JobName, models: readonly string[], given: object, listener: RunListener): Promise<Report> {
  const [{ JOBS }, { parseOptions }, { libraryContext }, { writeReports }] = await Promise.all([
    import('./commands/jobs.js'),
    import('./commands/parse-options.js'),
    import('./commands/library-context.js'),
    import('./commands/reports.js'),
  ]);
  const kind: import('./commands/jobs.js').JobKind = JOBS[name];
  const options = parseOptions(kind.options, given, placeOf);
  const report = await kind.run(models, options, libraryContext(listener));
  if (!(options as { dryRun?: boolean }).dryRun) await writeReports(report, options);
  return report;
}

const placeOf = (key?: string) => ({ file: 'options', where: key });
