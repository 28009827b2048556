import { z } from 'zod';
import { didYouMean } from '../nearest.js';
import { JOB_NAMES, JOBS, type JobKind, type JobName } from './jobs.js';
import { comparisonGatesShape, gatesShape, RUN_OPTIONS } from './option-shapes.js';
import { exact, path } from './option-values.js';

type Shape = Record<string, z.ZodType>;

/** The fields of an options schema, whatever checks and changes follow them. */
function fieldsOf(schema: z.ZodType): Shape {
  return schema instanceof z.ZodPipe ? fieldsOf(schema.in as z.ZodType) : (schema as z.ZodObject<Shape>).shape;
}

/** Options that config files hold under `gates`. */
export const GATE_OPTIONS: readonly string[] = Object.keys({ ...gatesShape, ...comparisonGatesShape });

const isGate = (key: string) => GATE_OPTIONS.includes(key);
const isOption = (key: string) => !isGate(key) && !RUN_OPTIONS.includes(key);

/** Some fields of a shape, each of which may be absent. */
function optional(shape: Shape, wanted: (key: string) => boolean): Shape {
  const kept = Object.entries(shape).filter(([key]) => wanted(key));
  return Object.fromEntries(kept.map(([key, field]) => [key, field.optional()]));
}

/** Options and gates, as jobs and defaults hold them. */
function settings(shape: Shape, others: Shape = {}) {
  const gates = optional(shape, isGate);
  const elsewhere = Object.fromEntries(Object.keys(gates).map((key) => [key, `gates.${key}`]));
  const own = optional(shape, (key) => isOption(key) && !(key in others));
  return exact({ ...others, ...own, gates: exact(gates).optional() }, elsewhere);
}

/** The option keys of a command. */
export const optionKeys = (command: JobName): string[] => Object.keys(fieldsOf(JOBS[command].options));

/** False where options may stand in for the models of a command. */
const isNeeded = (command: JobName) => !(JOBS[command] as JobKind).isOption;

const jobSchema = (command: JobName) =>
  settings(fieldsOf(JOBS[command].options), {
    name: z.string().optional(),
    command: z.literal(command),
    ...Object.fromEntries(JOBS[command].models.map((key) => [key, isNeeded(command) ? path() : path().optional()])),
  });

const schemas = JOB_NAMES.map(jobSchema) as unknown as [z.ZodObject<{ command: z.ZodLiteral<JobName> }>];

const anyJob = z.discriminatedUnion('command', schemas, {
  error: ({ input }) => {
    if (typeof input !== 'object' || input === null) return 'expected an object with a command';
    const { command } = input as { command?: unknown };
    if (command === undefined) return `has no command; name one of ${JOB_NAMES.join(', ')}`;
    return `unknown command '${command}'${didYouMean(String(command), JOB_NAMES)}`;
  },
});

/** A config file: jobs, and options for all of them. */
export const configSchema = exact({
  $schema: z.string().optional(),
  defaults: settings(Object.assign({}, ...JOB_NAMES.map((command) => fieldsOf(JOBS[command].options)))).optional(),
  jobs: z.array(anyJob, { error: 'expected a list of jobs' }).min(1, 'holds no job'),
});
