import { UserError } from '../errors.js';
import { chooseJob, loadConfig } from './config.js';
import { JOBS, type JobName } from './jobs.js';
import { type PlaceOfOption, placeOnCommandLine } from './schemas.js';

/** What a command is called with. */
export interface Invocation {
  models: string[];
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
  if (config === undefined) {
    const missing = JOBS[command].models[models.length];
    if (missing) throw new UserError(`missing required argument '${missing}'`);
    return { models: [...models], options, placeOf: placeOnCommandLine };
  }
  const job = chooseJob(await loadConfig(String(config)), command, models, name as string | undefined);
  const own = Object.fromEntries(Object.entries(options).filter(([key]) => given.has(key)));
  const display = Object.fromEntries(Object.entries(options).filter(([key]) => key === 'color'));
  return {
    models: job.models.map((model, k) => models[k] ?? model),
    options: { ...display, ...job.options, ...own },
    placeOf: (key) => (key !== undefined && key in own ? placeOnCommandLine(key) : job.placeOf(key)),
  };
}
