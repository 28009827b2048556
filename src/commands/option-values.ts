import { z } from 'zod';
import { messageOf } from '../errors.js';
import { parseRecallLimit, type RecallLimit } from '../evaluate/gates.js';
import { parseDuration, parseFactor, parseFraction, parseSize } from '../evaluate/units.js';
import { didYouMean } from '../nearest.js';

// Values come as text from the command line, as numbers and lists from config files and programs, and as what they
// became from the options that a report holds: every schema also takes its own output.

/** A value as a message quotes it. */
export const shown = (value: unknown): string =>
  typeof value === 'string' ? `'${value}'` : (JSON.stringify(value) ?? 'nothing');

/** What a value must be, as a message for anything else. */
export const expecting = (expected: string) => ({
  error: ({ input }: { input?: unknown }) => `expected ${expected}, got ${shown(input)}`,
});

/** Lists that stand for text: their items, and what joins them. */
interface TextList {
  items: z.ZodType<string | number>;
  separator: string;
}

/** A value given as text or number; `parse` returns undefined for what does not fit, and `expected` says what does. */
export function text<T>(expected: string, parse: (text: string) => T | undefined, list?: undefined): TextSchema<T>;
export function text<T, I extends string | number>(
  expected: string,
  parse: (text: string) => T | undefined,
  list: { items: z.ZodType<I>; separator: string },
): TextSchema<T, I[]>;
export function text<T>(expected: string, parse: (text: string) => T | undefined, list?: TextList): unknown {
  const forms = [z.string(), z.number(), ...(list ? [z.array(list.items)] : [])];
  return z.union(forms, expecting(expected)).transform((given, context): T => {
    const joined = Array.isArray(given) ? given.join(list!.separator) : String(given);
    const value = parse(joined.trim());
    if (value !== undefined) return value;
    context.issues.push({ code: 'custom', message: `expected ${expected}, got ${shown(given)}`, input: given });
    return z.NEVER;
  });
}

/** Takes text, numbers and perhaps lists; gives a T. */
type TextSchema<T, List = never> = z.ZodType<T, string | number | List>;

/** The number that text stands for, if it does. */
export const numberOf = (digits: string): number | undefined =>
  digits !== '' && Number.isFinite(Number(digits)) ? Number(digits) : undefined;

/** A number that lies in bounds. */
export const within = (value: number | undefined, low: number, high: number): number | undefined =>
  value !== undefined && value >= low && value <= high ? value : undefined;

/** A whole number from `low`. */
export const wholeNumber = (low: number) =>
  text(`a whole number from ${low}`, (given) =>
    /^\d+$/.test(given) ? within(Number(given), low, Number.MAX_SAFE_INTEGER) : undefined,
  );

const positiveOf = (given: string) => within(numberOf(given), Number.MIN_VALUE, 1e300);

/** Any number above 0. */
export const positiveNumber = () => text('a number above 0', positiveOf);

/** The same, or `auto`. */
export const positiveNumberOrAuto = () =>
  text('auto or a number above 0', (given): 'auto' | number | undefined =>
    given === 'auto' ? given : positiveOf(given),
  );

/** A number from 0. */
export const nonNegativeNumber = () => text('a number from 0', (given) => within(numberOf(given), 0, 1e300));

/** One of some words. */
export const choice = <const T extends readonly [string, ...string[]]>(words: T) =>
  z.enum(words, expecting(`${words.slice(0, -1).join(', ')} or ${words.at(-1)}`));

/** Words or patterns: a list, or text separated by commas. */
export const wordList = () =>
  text(
    'names separated by commas',
    (given) => {
      const words = given.split(',').map((word) => word.trim());
      return words.every(Boolean) ? words : undefined;
    },
    { items: z.string(), separator: ',' },
  );

/** Numbers: a list, or text separated by commas. */
export const numberList = () =>
  text(
    'numbers separated by commas',
    (given) => {
      const values = given.split(',').map((part) => numberOf(part.trim()));
      return values.includes(undefined) ? undefined : (values as number[]);
    },
    { items: z.number(), separator: ',' },
  );

/** Numbers from 0 to 1. */
export const thresholdList = () =>
  text(
    'numbers from 0 to 1 separated by commas',
    (given) => {
      const values = given.split(',').map((part) => within(numberOf(part.trim()), 0, 1));
      return values.includes(undefined) ? undefined : (values as number[]);
    },
    { items: z.number(), separator: ',' },
  );

/** Shares from 1 down, each once: `1,0.75,0.5`; 1 is added where it is missing. */
export const widthList = () =>
  text(
    'two shares at least, above 0 and up to 1, separated by commas, such as 1,0.75,0.5',
    (given) => {
      if (given === '') return []; // as a report has it, where none were asked for
      const shares = given.split(',').map((part) => within(numberOf(part.trim()), 1e-6, 1));
      if (shares.includes(undefined)) return undefined;
      const sorted = [...new Set([1, ...(shares as number[])])].sort((a, b) => b - a);
      return sorted.length > 1 ? sorted : undefined;
    },
    { items: z.number(), separator: ',' },
  );

/** `224` (one number) or `224x320` (height x width), also as a list. */
export const imageSize = () =>
  text(
    'a size such as 224 or 224x224',
    (given) => {
      const sizes = /^(\d+)(?:x(\d+))?$/.exec(given)?.slice(1).filter(Boolean).map(Number);
      return sizes?.every((size) => size > 0) ? sizes : undefined;
    },
    { items: z.number(), separator: 'x' },
  );

/** `x=1x3x224x224`: a name and sizes; the last `=` parts them, as names may hold some. */
export const namedSizes = () =>
  text('a name and sizes such as x=1x3x224x224 or batch=1', (given): readonly [string, number[]] | undefined => {
    const match = /^(.+)=(\d+(?:x\d+)*)$/.exec(given);
    return match ? [match[1]!, match[2]!.split('x').map(Number)] : undefined;
  });

/** What a parser of `evaluate/` understands. */
const measure = (expected: string, parse: (text: string) => number): TextSchema<number> =>
  z.union([z.string(), z.number()], expecting(expected)).transform((given, context): number => {
    try {
      return parse(String(given));
    } catch (error) {
      context.issues.push({ code: 'custom', message: messageOf(error), input: given });
      return z.NEVER;
    }
  });

/** A number of bytes: `800000`, `1MB`, `512KiB`. */
export const byteCount = () => measure('a size such as 1.5MB', parseSize);

/** A share of what there is, `0.5` or `50%`, or a number of bytes, `800000` or `1MB`. */
export const shareOrBytes = () =>
  measure('a share such as 0.5 or a size such as 1.5MB', (given) =>
    given.endsWith('%') || Number(given) <= 1 ? parseFraction(given) : parseSize(given),
  );

/** Milliseconds: `5`, `5ms`, `1.5s`. */
export const milliseconds = () => measure('a time such as 5ms', parseDuration);

/** A fraction: `0.01` or `1%`. */
export const fraction = () => measure('a fraction such as 0.01 or 1%', parseFraction);

/** A factor: `1.5` or `1.5x`. */
export const factor = () => measure('a factor such as 1.5 or 2x', parseFactor);

/** A share between 0 and 1, both excluded: `0.5` or `50%`. */
export const openShare = () => text('a share between 0 and 1 such as 0.5 or 50%', openShareOf);

/** Such shares: a list, or text separated by commas. */
export const openShareList = () =>
  text(
    'shares between 0 and 1 separated by commas such as 0.25,0.5',
    (given) => {
      const values = given.split(',').map(openShareOf);
      return values.includes(undefined) ? undefined : (values as number[]);
    },
    { items: z.number(), separator: ',' },
  );

const openShareOf = (given: string) => within(shareOf(given), 1e-6, 1 - 1e-6);

/** A share, perhaps above 1: `0.1` or `10%`. */
export const share = () => text('a share such as 0.1 or 10%', shareOf);

function shareOf(given: string): number | undefined {
  const [, digits, percent] = /^([\d.]+)\s*(%?)$/.exec(given.trim()) ?? [];
  return within(numberOf(digits ?? ''), 0, 1e6) === undefined ? undefined : Number(digits) / (percent ? 100 : 1);
}

/** One share, two (the first and the last of a course, as `0.9:0`), or `auto`. */
export const shares = () =>
  text(
    'auto, a share such as 0.5, or two such as 0.9:0',
    (given): 'auto' | readonly [number, number?] | undefined => {
      if (given === 'auto') return given;
      const values = given.split(':').map((part) => within(shareOf(part), 0, 1));
      return values.length > 2 || values.includes(undefined) ? undefined : (values as [number, number?]);
    },
    { items: z.number(), separator: ':' },
  );

/** A number of things, `500k` or `2M`; up to 1 it is a share of something, as is `10%`. */
export const countOrShare = () =>
  text('a number such as 500k or 2M, or a share such as 10%', (given) => {
    const [, digits, unit = ''] = /^([\d.]+)\s*([kMG%]?)$/.exec(given) ?? [];
    const factor = { '': 1, '%': 0.01, k: 1e3, M: 1e6, G: 1e9 }[unit]!;
    return within(numberOf(digits ?? ''), Number.MIN_VALUE, 1e12) === undefined ? undefined : Number(digits) * factor;
  });

const fractionText = z.union([z.string(), z.number()]);

/**
 * Limits on recall: `0.9` for the macro average, `dog=0.9` for a class, several of them in a list, or the limits by class
 * as `{dog: 0.9}`.
 */
export const recallLimits = () => {
  const item = z.union([
    z.string(),
    z.number(),
    z.strictObject({ limit: z.number(), class: z.string().optional() }),
    z.record(z.string(), fractionText),
  ]);
  const expected = expecting('a fraction such as 0.9, or class=0.9');
  return z.union([item, z.array(item)], expected).transform((given, context): RecallLimit[] => {
    try {
      return [given].flat().flatMap(recallLimitsOf);
    } catch (error) {
      context.issues.push({ code: 'custom', message: messageOf(error), input: given });
      return z.NEVER;
    }
  });
};

type RecallItem = string | number | { limit: number; class?: string | undefined } | Record<string, string | number>;

function recallLimitsOf(item: RecallItem): RecallLimit[] {
  if (typeof item !== 'object') return [parseRecallLimit(String(item), undefined)];
  if (isRecallLimit(item)) return [item];
  return Object.entries(item).map(([name, limit]) => ({ class: name, limit: parseFraction(String(limit)) }));
}

const isRecallLimit = (item: object): item is RecallLimit =>
  typeof (item as RecallLimit).limit === 'number' &&
  Object.keys(item).every((key) => key === 'limit' || key === 'class');

/** True or false. */
export const flag = () => z.boolean(expecting('true or false'));

/** A path. */
export const path = () => z.string(expecting('a path')).min(1, 'expected a path, got nothing');
/** A name. */
export const name = () => z.string(expecting('a name')).min(1, 'expected a name, got nothing');

/** One or a list, as a list. */
export const listOf = <T>(item: z.ZodType<T, T>) =>
  z
    .union([item, z.array(item)], expecting('text or a list of texts'))
    .transform((given): T[] => (Array.isArray(given) ? given : [given]));

/**
 * An object of exactly these keys; the message about any other one names the nearest.
 * @param elsewhere keys that belong to another place, and what they are called there.
 */
export const exact = <T extends z.core.$ZodLooseShape>(shape: T, elsewhere: Readonly<Record<string, string>> = {}) =>
  z.strictObject(shape, {
    error: (issue) => {
      if (issue.code !== 'unrecognized_keys') return `expected an object, got ${shown(issue.input)}`;
      const [key = ''] = (issue as { keys?: string[] }).keys ?? [];
      return `unknown key '${key}'${didYouMean(key, Object.keys(shape), elsewhere)}`;
    },
  });
