import type { z } from 'zod';
import { type ErrorPlace, UserError } from '../errors.js';

/** Names where the value of an option was given; without a key, where all of them were. */
export type PlaceOfOption = (key?: string) => ErrorPlace;

/**
 * Checks the values of a command's options.
 * @param placeOf by default the option of the command line.
 * @throws UserError naming the option, what it takes and what it got.
 */
export function parseOptions<S extends z.ZodType>(
  schema: S,
  given: unknown,
  placeOf: PlaceOfOption = placeOnCommandLine,
): z.output<S> {
  const result = schema.safeParse(given);
  if (result.success) return result.data;
  const { issues } = result.error;
  const { path, message } = issues.find(({ code }) => code === 'unrecognized_keys') ?? issues[0]!;
  throw new UserError(message, placeOf(path.length ? String(path[0]) : undefined));
}

/** The option of the command line. */
export const placeOnCommandLine: PlaceOfOption = (key) => ({ file: key === undefined ? undefined : flagOf(key) });

/** The option of the command line that sets a key. */
export function flagOf(key: string): string {
  return `--${key.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`)}`;
}
