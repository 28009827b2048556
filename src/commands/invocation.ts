import { UserError } from '../errors.js';
import { chooseJob, loadConfig } from './config.js';
import { JOBS, type JobKind, type JobName } from './jobs.js';
import { type PlaceOfOption, placeOnCommandLine } from './parse-options.js';

/** What a command is called with. */
export interface Invocation {
  /** In the order of the command's arguments; undefined where options stand in for one. */
  models: (string | undefined)[];
  options: Record<string, unknown>;
  placeOf: PlaceOfOption;
}

/**
 * Puts the command line and the config file that it names together; what stands on the command line counts.
 * @param models those named on the command line.
 * @param given options, with the keys that were really given.
 * @throws UserError where neither names the models
 */
export async function resolveInvocation(
  command: JobName,
  models: readonly string[],
  { config, job: name, ...options }: Record<string, unknown>,
  given: ReadonlySet<string>,
): Promise<Invocation> {
  const { models: keys, isOption }: JobKind = JOBS[command];
  if (config === undefined) {
    const missing = keys[models.length];
    if (missing && !isOption) throw new UserError(`missing required argument '${missing}'`);
    return { models: keys.map((_, k) => models[k]), options, placeOf: placeOnCommandLine };
  }
  const job = chooseJob(await loadConfig(String(config)), command, models, name as string | undefined);
  const own = Object.fromEntries(Object.entries(options).filter(([key]) => given.has(key)));
  const display = Object.fromEntries(Object.entries(options).filter(([key]) => key === 'color'));
  const replaced = Object.fromEntries(keys.slice(0, models.length).map((key) => [key, undefined]));
  return {
    models: keys.map((_, k) => models[k] ?? job.models[k]),
    options: { ...display, ...job.options, ...replaced, ...own },
    placeOf: (key) => (key !== undefined && key in own ? placeOnCommandLine(key) : job.placeOf(key)),
  };
}
