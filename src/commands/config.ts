import { existsSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { basename, dirname, extname, isAbsolute, join, relative, resolve } from 'node:path';
import type { z } from 'zod';
import { fileError } from '../data/files.js';
import { messageOf, UserError } from '../errors.js';
import { nearest } from '../nearest.js';
import { parseReport } from '../report/json.js';
import type { Report } from '../report/schema.js';
import { configSchema, optionKeys } from './config-schema.js';
import { JOB_NAMES, JOBS, type JobKind, type JobName } from './jobs.js';
import { PATH_OPTIONS, RUN_OPTIONS } from './option-shapes.js';
import type { PlaceOfOption } from './parse-options.js';

/** A run of a command that a config file asks for. */
export interface Job {
  name: string;
  command: JobName;
  models: string[];
  /** As they were given, to be checked by `parseOptions`. */
  options: Record<string, unknown>;
  /** Where in the file an option stands. */
  placeOf: PlaceOfOption;
}

/** What a config file holds. */
export interface Config {
  file: string;
  jobs: Job[];
}

/** Names that config files are found by, in the order they are looked for. */
export const CONFIG_FILES = ['nncompress.config.yaml', 'nncompress.config.yml', 'nncompress.config.json'];
const PACKAGE = 'package.json';
const PACKAGE_KEY = 'nncompress';

/** The config file of a folder. @throws UserError where it has none */
export async function findConfig(folder: string): Promise<string> {
  for (const name of CONFIG_FILES) if (existsSync(join(folder, name))) return join(folder, name);
  const manifest = join(folder, PACKAGE);
  if (existsSync(manifest) && PACKAGE_KEY in (asObject(parseJson(await readText(manifest), manifest)) ?? {}))
    return manifest;
  throw new UserError(`there is no ${CONFIG_FILES[0]} (or .json, or key "${PACKAGE_KEY}" in ${PACKAGE})`, {
    file: folder,
    mend: 'write one with nncompress init, or name it',
  });
}

/**
 * Reads a config file (YAML, JSON, or the key "nncompress" of a package.json) or a report, which stands for the run that
 * made it. Paths in a config file start from its folder, those in a report from where the program runs.
 * @throws UserError naming the place in the file and the nearest known key
 */
export async function loadConfig(file: string): Promise<Config> {
  const text = await readText(file);
  const content = /^\.ya?ml$/i.test(extname(file)) ? await parseYaml(text, file) : parseJson(text, file);
  if (asObject(content)?.schemaVersion !== undefined)
    return { file, jobs: [jobOfReport(parseReport(text, file), file)] };
  const inPackage = basename(file) === PACKAGE;
  if (inPackage && asObject(content)?.[PACKAGE_KEY] === undefined)
    throw new UserError(`has no key "${PACKAGE_KEY}"`, { file, mend: 'put the config there, or name another file' });
  const config = inPackage ? asObject(content)![PACKAGE_KEY] : content;
  const start = inPackage ? [PACKAGE_KEY] : [];
  const result = configSchema.safeParse(config);
  if (!result.success) throw mistake(result.error.issues, file, start);
  const { defaults = {}, jobs } = config as RawConfig;
  checkNamesDiffer(jobs, file, start);
  return { file, jobs: jobs.map((job, index) => jobOf(job, index, defaults, file, start)) };
}

type RawSettings = Record<string, unknown> & { gates?: Record<string, unknown> };

interface RawConfig {
  defaults?: RawSettings;
  jobs: (RawSettings & { command: JobName; name?: string })[];
}

/** @throws UserError where two jobs were given one name */
function checkNamesDiffer(jobs: RawConfig['jobs'], file: string, start: readonly string[]): void {
  for (const [index, { name }] of jobs.entries()) {
    const first = jobs.findIndex((job) => job.name === name);
    if (name === undefined || first === index) continue;
    const where = pathText([...start, 'jobs', index, 'name']);
    throw new UserError(`'${name}' is the name of jobs[${first}] too`, { file, where, mend: 'name them differently' });
  }
}

function jobOf(
  job: RawConfig['jobs'][number],
  index: number,
  defaults: RawSettings,
  file: string,
  start: readonly string[],
): Job {
  const { command } = job;
  const known = optionKeys(command);
  const options: Record<string, unknown> = {};
  const places = new Map<string, string>();
  for (const [source, at] of [
    [defaults, ['defaults']],
    [job, ['jobs', index]],
  ] as const)
    for (const [values, below] of [
      [source, []],
      [source.gates ?? {}, ['gates']],
    ] as const)
      for (const [key, value] of Object.entries(values)) {
        if (!known.includes(key) || value === undefined) continue;
        options[key] = PATH_OPTIONS.includes(key) ? fromFolder(value, file) : value;
        places.set(key, pathText([...start, ...at, ...below, key]));
      }
  const kind: JobKind = JOBS[command];
  const named = kind.models.filter((key) => !kind.isOption?.(job[key]));
  for (const key of named) delete options[key];
  const models = named.map((key) => fromFolder(job[key], file) as string);
  return {
    name: job.name ?? `${command} ${models.join(' ')}`,
    command,
    models,
    options,
    placeOf: (key) => ({
      file,
      where: places.get(key ?? '') ?? pathText([...start, 'jobs', index, ...(key ? [key] : [])]),
    }),
  };
}

/** The run that a report tells of. */
function jobOfReport({ command, options, models }: Report, file: string): Job {
  const known = JOB_NAMES.find((name) => name === command);
  if (!known)
    throw new UserError(`a report of '${command}' cannot be repeated`, {
      file,
      mend: `give one of ${JOB_NAMES.join(', ')}`,
    });
  // Earlier versions wrote down how much worse than a baseline a model may be where there was none to compare with.
  const idle = options.baseline === undefined ? ['tolerance', 'costTolerance'] : [];
  const left = [...RUN_OPTIONS, ...idle, 'force'];
  const again = Object.entries(options).filter(([key]) => !left.includes(key));
  const kind: JobKind = JOBS[known];
  const isNew = kind.isOption !== undefined && !models.some((model) => model.role === 'original');
  const roles = known === 'compare' ? ['original', 'compressed'] : isNew ? [] : ['original'];
  const missing = roles.find((role) => !models.some((model) => model.role === role));
  if (missing) throw new UserError(`names no ${missing} model`, { file, where: 'models' });
  return {
    name: `${known} of ${file}`,
    command: known,
    models: roles.map((role) => models.find((model) => model.role === role)!.path),
    options: Object.fromEntries(again),
    placeOf: (key) => ({ file, where: pathText(['options', ...(key ? [key] : [])]) }),
  };
}

/** Paths of a config file seen from where the program runs. */
function fromFolder(value: unknown, file: string): unknown {
  if (Array.isArray(value)) return value.map((item) => fromFolder(item, file));
  if (typeof value !== 'string' || value === '' || isAbsolute(value)) return value;
  return relative('', resolve(dirname(file), value)) || '.';
}

/** An unknown key is told first: it may be why another one is missing. */
function mistake(issues: readonly z.core.$ZodIssue[], file: string, start: readonly string[]): UserError {
  const { path, message } = issues.find(({ code }) => code === 'unrecognized_keys') ?? issues[0]!;
  return new UserError(message, { file, where: pathText([...start, ...path]) || undefined });
}

/** `jobs[1].gates.maxDrop` */
function pathText(path: readonly PropertyKey[]): string {
  const text = path.map((key) => (typeof key === 'number' ? `[${key}]` : `.${String(key)}`)).join('');
  return text.replace(/^\./, '');
}

async function readText(file: string): Promise<string> {
  try {
    return await readFile(file, 'utf8');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw fileError(file, error);
    throw new UserError('no such file', {
      file,
      mend: 'check the path of the config file, or write one with nncompress init',
    });
  }
}

function parseJson(text: string, file: string): unknown {
  try {
    return JSON.parse(text);
  } catch (error) {
    throw new UserError(`is not JSON: ${messageOf(error)}`, { file, mend: 'repair it' });
  }
}

async function parseYaml(text: string, file: string): Promise<unknown> {
  const { parseDocument } = await import('yaml');
  const document = parseDocument(text);
  const [error] = document.errors;
  if (!error) return document.toJS();
  const [what = ''] = error.message.split('\n');
  throw new UserError(`is not YAML: ${what.replace(/:$/, '')}`, { file, mend: 'repair it' });
}

function asObject(value: unknown): Record<string, unknown> | undefined {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
    ? (value as Record<string, unknown>)
    : undefined;
}

/**
 * The one job of a config that a command line means.
 * @param models those named on the command line; they choose among several jobs.
 * @throws UserError where there is no such job, or more than one
 */
export function chooseJob(
  { file, jobs }: Config,
  command: JobName,
  models: readonly string[],
  name: string | undefined,
): Job {
  const ofCommand = jobs.filter((job) => job.command === command);
  const named = name === undefined ? ofCommand : ofCommand.filter((job) => job.name === name);
  const fitting = named.filter((job) => models.every((model, k) => resolve(model) === resolve(job.models[k] ?? '')));
  const chosen = fitting.length ? fitting : models.length === JOBS[command].models.length ? named : [];
  if (chosen.length === 1) return chosen[0]!;
  const names = ofCommand.map((job) => job.name);
  const guess = name === undefined ? undefined : nearest(name, names);
  const which = names.length ? `: ${names.join('; ')}` : '';
  throw new UserError(`${chosen.length || 'no'} ${command} jobs fit${which}`, {
    file,
    mend: guess ? `did you mean --job '${guess}'?` : 'name one with --job, or run all with nncompress check',
  });
}
