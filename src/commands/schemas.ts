import { z } from 'zod';
import { messageOf, UserError } from '../errors.js';
import { parseDuration, parseFactor, parseFraction, parseSize } from '../evaluate/units.js';
import { CHANNEL_ORDERS, DEVICES, FEATURES, INTERPOLATIONS, PADDINGS, RESIZE_MODES } from './choices.js';

/** A value given as text; `parse` returns undefined for what does not fit, and `expected` says what does. */
function text<T>(expected: string, parse: (text: string) => T | undefined) {
  return z.string().transform((given, context): T => {
    const value = parse(given.trim());
    if (value !== undefined) return value;
    context.issues.push({ code: 'custom', message: `expected ${expected}, got '${given}'`, input: given });
    return z.NEVER;
  });
}

const numberOf = (digits: string): number | undefined =>
  digits !== '' && Number.isFinite(Number(digits)) ? Number(digits) : undefined;

const within = (value: number | undefined, low: number, high: number): number | undefined =>
  value !== undefined && value >= low && value <= high ? value : undefined;

/** A whole number from `low`. */
export const wholeNumber = (low: number) =>
  text(`a whole number from ${low}`, (given) =>
    /^\d+$/.test(given) ? within(Number(given), low, Number.MAX_SAFE_INTEGER) : undefined,
  );

/** Any number above 0. */
export const positiveNumber = () =>
  text('a number above 0', (given) => within(numberOf(given), Number.MIN_VALUE, 1e300));

/** One of some words. */
export const choice = <const T extends readonly string[]>(words: T) =>
  text(
    `${words.slice(0, -1).join(', ')} or ${words.at(-1)}`,
    (given) => words.find((word) => word === given) as T[number],
  );

/** Words or patterns separated by commas. */
export const wordList = () =>
  text('names separated by commas', (given) => {
    const words = given.split(',').map((word) => word.trim());
    return words.every(Boolean) ? words : undefined;
  });

/** Numbers separated by commas. */
export const numberList = () =>
  text('numbers separated by commas', (given) => {
    const values = given.split(',').map((part) => numberOf(part.trim()));
    return values.includes(undefined) ? undefined : (values as number[]);
  });

/** `224` (one number) or `224x320` (height x width). */
export const imageSize = () =>
  text('a size such as 224 or 224x224', (given) => {
    const sizes = /^(\d+)(?:x(\d+))?$/.exec(given)?.slice(1).filter(Boolean).map(Number);
    return sizes?.every((size) => size > 0) ? sizes : undefined;
  });

/** `x=1x3x224x224`: a name and sizes; the last `=` parts them, as names may hold some. */
export const namedSizes = () =>
  text('a name and sizes such as x=1x3x224x224 or batch=1', (given): readonly [string, number[]] | undefined => {
    const match = /^(.+)=(\d+(?:x\d+)*)$/.exec(given);
    return match ? [match[1]!, match[2]!.split('x').map(Number)] : undefined;
  });

/** A value that a parser of `evaluate/units.ts` understands. */
const measure = (parse: (text: string) => number) =>
  z.string().transform((given, context): number => {
    try {
      return parse(given);
    } catch (error) {
      context.issues.push({ code: 'custom', message: messageOf(error), input: given });
      return z.NEVER;
    }
  });

/** A number of bytes: `800000`, `1MB`, `512KiB`. */
export const byteCount = () => measure(parseSize);

/** Milliseconds: `5`, `5ms`, `1.5s`. */
export const milliseconds = () => measure(parseDuration);

/** A fraction: `0.01` or `1%`. */
export const fraction = () => measure(parseFraction);

/** A factor: `1.5` or `1.5x`. */
export const factor = () => measure(parseFactor);

const path = () => z.string().min(1, 'expected a path, got nothing');
const name = () => z.string().min(1, 'expected a name, got nothing');

/** Options of every command. */
export const displayShape = {
  quiet: z.boolean().default(false),
  verbose: z.boolean().default(false),
  color: z.boolean().default(true),
};

/** Options of commands that write. */
export const outputShape = {
  output: path().optional(),
  report: z.array(path()).default([]),
  json: z.boolean().default(false),
  force: z.boolean().default(false),
  dryRun: z.boolean().default(false),
};

/** Options of commands that run models. */
export const runningShape = {
  device: choice(DEVICES).default('cpu'),
  threads: wholeNumber(1).optional(),
  seed: wholeNumber(0).default(0),
};

/** Options of commands that read data. */
export const dataShape = {
  data: path().optional(),
  inputColumn: name().optional(),
  textColumn: name().optional(),
  pairColumn: name().optional(),
  labelColumn: name().optional(),
  delimiter: text('one character, or \\t', (given) =>
    given === '\\t' ? '\t' : given.length === 1 ? given : undefined,
  ).optional(),
  split: name().optional(),
  labels: path().optional(),
  limit: wholeNumber(1).optional(),
  skipBadSamples: z.boolean().default(false),
};

/** Options that say how samples become inputs. */
export const preprocessingShape = {
  resize: imageSize().optional(),
  crop: imageSize().optional(),
  resizeMode: choice(RESIZE_MODES).optional(),
  interpolation: choice(INTERPOLATIONS).optional(),
  scale: positiveNumber().optional(),
  mean: numberList().optional(),
  std: numberList().optional(),
  channels: choice(CHANNEL_ORDERS).optional(),
  layout: name().optional(),
  maxLength: wholeNumber(1).optional(),
  padding: choice(PADDINGS).optional(),
  features: choice(FEATURES).optional(),
  sampleRate: wholeNumber(1).optional(),
  melBins: wholeNumber(1).optional(),
};

/** Limits that decide the exit code. */
export const gatesShape = {
  minAccuracy: fraction().optional(),
  minRecall: fraction().optional(),
  minF1: fraction().optional(),
  /** Bytes. */
  maxSize: byteCount().optional(),
  /** Milliseconds. */
  maxLatency: milliseconds().optional(),
};

/** Limits on what may be lost against an original. */
export const comparisonGatesShape = {
  maxDrop: fraction().optional(),
  confidence: text('a number between 0 and 1', (given) => within(numberOf(given), 1e-9, 1 - 1e-9)).optional(),
  minSpeedup: factor().optional(),
};

/**
 * Checks the values of a command's options, as commander collected them.
 * @throws UserError naming the option, what it takes and what it got.
 */
export function parseOptions<S extends z.ZodType>(schema: S, given: unknown): z.output<S> {
  const result = schema.safeParse(given);
  if (result.success) return result.data;
  const [issue] = result.error.issues;
  throw new UserError(issue!.message, { file: flagOf(String(issue!.path[0] ?? '')) });
}

function flagOf(key: string): string {
  return `--${key.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`)}`;
}
