import type { z } from 'zod';
import { UserError } from '../errors.js';
import { type Report, reportSchema } from './schema.js';

/**
 * A report as JSON text, its keys in the order of the schema; lists of numbers take one line.
 * @throws Error where the report does not keep the schema: NaN, infinity, a missing key (a bug).
 */
export function formatReport(report: Report): string {
  const result = reportSchema.safeParse(report);
  if (!result.success) throw new Error(`the report is not valid: ${describe(result.error.issues[0]!)}`);
  const text = JSON.stringify(result.data, finite, 2);
  return `${text.replace(/\[\n\s+(-?\d[-+.\deE,\s]*?)\n\s+\]/g, (_, numbers: string) => `[${numbers.replace(/\s+/g, ' ')}]`)}\n`;
}

/** Keeps JSON.stringify from writing numbers that JSON lacks as null. */
function finite(key: string, value: unknown): unknown {
  if (typeof value === 'number' && !Number.isFinite(value))
    throw new Error(`the report is not valid: ${key} is ${value}`);
  return value;
}

/**
 * Reads a report.
 * @param file its path, for messages.
 * @throws UserError naming the place in the JSON and what is wrong there.
 */
export function parseReport(text: string, file?: string): Report {
  const mend = 'give a report written by nncompress --report FILE.json';
  let json: unknown;
  try {
    json = JSON.parse(text);
  } catch (error) {
    throw new UserError(`is not JSON: ${(error as Error).message}`, { file, mend });
  }
  const result = reportSchema.safeParse(json);
  if (result.success) return result.data;
  throw new UserError(`is no report: ${describe(result.error.issues[0]!)}`, { file, mend });
}

function describe({ path, message }: z.core.$ZodIssue): string {
  const place = path.map((key) => (typeof key === 'number' ? `[${key}]` : `.${String(key)}`)).join('');
  const what = message.replace(/^Invalid input: /, '').replace(', received ', ', got ');
  return place ? `${place.replace(/^\./, '')}: ${what}` : what;
}
