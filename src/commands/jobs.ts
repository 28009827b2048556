import type { z } from 'zod';
import type { Report } from '../report/schema.js';
import { adaptOptions } from './adapt-options.js';
import { compareOptions } from './compare-options.js';
import type { CommandContext } from './context.js';
import { distillOptions, parseStudent } from './distill-options.js';
import { evaluateOptions } from './evaluate-options.js';
import { finetuneOptions } from './finetune-options.js';
import { pruneOptions } from './prune-options.js';
import { quantizeOptions } from './quantize-options.js';
import type { ReportOptions } from './reports.js';

/** A command that gives a report, as config files and programs call it. */
export interface JobKind<S extends z.ZodType<ReportOptions> = z.ZodType<ReportOptions>> {
  options: S;
  /** Keys that name the models, in the order of the command's arguments. */
  models: readonly string[];
  /** Tells a value under such a key that is an option, so that no model need be named; absent where all are needed. */
  isOption?: ((value: unknown) => boolean) | undefined;
  run(models: readonly string[], options: z.output<S>, context: CommandContext): Promise<Report>;
}

const job = <S extends z.ZodType<ReportOptions>>(
  options: S,
  models: readonly string[],
  run: JobKind<S>['run'],
  isOption?: JobKind['isOption'],
): JobKind<S> => ({ options, models, run, isOption });

/** Every command that gives a report. */
export const JOBS = {
  quantize: job(quantizeOptions, ['model'], async ([model], options, context) =>
    (await import('./quantize.js')).quantize(model!, options, context),
  ),
  prune: job(pruneOptions, ['model'], async ([model], options, context) =>
    (await import('./prune.js')).prune(model!, options, context),
  ),
  finetune: job(finetuneOptions, ['model'], async ([model], options, context) =>
    (await import('./finetune.js')).finetune(model!, options, context),
  ),
  distill: job(
    distillOptions,
    ['student'],
    async ([student], options, context) => (await import('./distill.js')).distill(student, options, context),
    (value) => value === undefined || parseStudent(String(value)) !== undefined,
  ),
  adapt: job(adaptOptions, ['model'], async ([model], options, context) =>
    (await import('./adapt.js')).adapt(model!, options, context),
  ),
  evaluate: job(evaluateOptions, ['model'], async ([model], options, context) =>
    (await import('./evaluate.js')).evaluate(model!, options, context),
  ),
  compare: job(compareOptions, ['original', 'compressed'], async ([original, compressed], options, context) =>
    (await import('./compare.js')).compare(original!, compressed!, options, context),
  ),
};

export type JobName = keyof typeof JOBS;

export const JOB_NAMES = Object.keys(JOBS) as [JobName, ...JobName[]];
