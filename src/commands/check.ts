import { resolve } from 'node:path';
import { z } from 'zod';
import { EXIT, UserError } from '../errors.js';
import { didYouMean } from '../nearest.js';
import { gateLine } from '../report/gate-text.js';
import type { Report } from '../report/schema.js';
import { findConfig, type Job, loadConfig } from './config.js';
import type { CommandContext } from './context.js';
import { finish, passed } from './finish.js';
import { JOBS, type JobKind } from './jobs.js';
import { table } from './layout.js';
import { displayShape } from './option-shapes.js';
import { exact, flag, listOf } from './option-values.js';
import { parseOptions } from './parse-options.js';
import { checkReportPaths, type ReportOptions } from './reports.js';

/** What `nncompress check` takes besides the config file. */
export const options = exact({
  job: listOf(z.string()).default([]),
  json: flag().default(false),
  force: flag().default(false),
  ...displayShape,
});

type CheckOptions = z.output<typeof options>;

/** What became of a job. */
interface Outcome {
  job: Job;
  report?: Report;
  /** Why it could not be run. */
  error?: UserError;
}

/** A job whose options are checked. */
interface ReadyJob {
  job: Job;
  kind: JobKind;
  options: ReportOptions;
}

/**
 * Runs the jobs of a config file one after the other, with their gates. A job that cannot be run does not keep the others
 * from running. Exit code 2 where one could not be run, 1 where a gate failed.
 */
export async function run(given: string | undefined, options: CheckOptions, context: CommandContext): Promise<number> {
  const config = await loadConfig(given ?? (await findConfig('.')));
  const jobs = selected(config.jobs, options.job, config.file).map((job) => ready(job, options.force));
  checkOutputsDiffer(jobs, config.file);
  // With --json the table alone goes to stdout, and what each job says to stderr.
  const inner = options.json ? { ...context, print: context.note } : context;
  const outcomes: Outcome[] = [];
  for (const [k, job] of jobs.entries()) {
    context.note(`${k > 0 ? '\n' : ''}job ${k + 1} of ${jobs.length}: ${job.job.name}`);
    outcomes.push(await runJob(job, inner));
  }
  context.print(
    options.json ? JSON.stringify(toJson(outcomes), null, 2) : `\n${summary(outcomes, context).join('\n')}`,
  );
  if (outcomes.some(({ error }) => error)) return EXIT.userError;
  return outcomes.every(({ report }) => passed(report!)) ? EXIT.ok : EXIT.gateFailed;
}

function selected(jobs: readonly Job[], names: readonly string[], file: string): readonly Job[] {
  const known = jobs.map(({ name }) => name);
  const unknown = names.find((name) => !known.includes(name));
  if (unknown !== undefined) throw new UserError(`has no job '${unknown}'${didYouMean(unknown, known)}`, { file });
  return names.length ? jobs.filter(({ name }) => names.includes(name)) : jobs;
}

function ready(job: Job, force: boolean): ReadyJob {
  const kind: JobKind = JOBS[job.command];
  const values = force ? { ...job.options, force } : job.options;
  const parsed: ReportOptions = parseOptions(kind.options, values, job.placeOf);
  checkReportPaths(parsed);
  return { job, kind, options: parsed };
}

/** @throws UserError where two jobs would write the same file */
function checkOutputsDiffer(jobs: readonly ReadyJob[], file: string): void {
  const writers = new Map<string, Job>();
  for (const { job, options } of jobs) {
    const { output } = options as { output?: string };
    for (const path of [...options.report, ...(output === undefined ? [] : [output])]) {
      const other = writers.get(resolve(path));
      if (other)
        throw new UserError(`jobs '${other.name}' and '${job.name}' both write ${path}`, {
          file,
          mend: 'name two files',
        });
      writers.set(resolve(path), job);
    }
  }
}

async function runJob({ job, kind, options }: ReadyJob, context: CommandContext): Promise<Outcome> {
  try {
    const report = await kind.run(job.models, options, context);
    const quiet = context.verbosity === 'quiet' ? { ...context, print() {} } : context;
    await finish(report, { ...options, json: false }, quiet);
    return { job, report };
  } catch (error) {
    if (!(error instanceof UserError)) throw error;
    context.note(`nncompress: ${error.message}`);
    return { job, error };
  }
}

/** A line per job: whether it passed, and which gates failed. */
function summary(outcomes: readonly Outcome[], { color }: CommandContext): string[] {
  const signs = { passed: color.green('✓'), failed: color.red('✗') };
  const rows = outcomes.map(({ job, report, error }) => {
    const failed = report?.gates.filter((gate) => !gate.passed) ?? [];
    const kept = report ? `${report.gates.length - failed.length} of ${report.gates.length} gates kept` : 'not run';
    const why = error ? error.message : failed.map((gate) => gateLine(gate)).join('; ');
    return [job.name, kept, why];
  });
  const [, ...lines] = table([{ title: 'job' }, { title: 'gates' }, { title: 'why' }], rows);
  return lines.map((line, k) => {
    const { report } = outcomes[k]!;
    return `${report && passed(report) ? signs.passed : signs.failed} ${line}`;
  });
}

function toJson(outcomes: readonly Outcome[]): object {
  return {
    schemaVersion: 1,
    command: 'check',
    passed: outcomes.every(({ report }) => report && passed(report)),
    jobs: outcomes.map(({ job, report, error }) => ({
      name: job.name,
      passed: report !== undefined && passed(report),
      ...(error && { error: error.message }),
      ...(report && { report }),
    })),
  };
}
