import { UserError } from '../errors.js';

/** A number with a unit, as options take it. */
interface Quantity {
  /** What is expected, for messages. */
  expected: string;
  /** Factor of each unit, in lower case; the empty one stands for none. */
  units: Readonly<Record<string, number>>;
  /** Largest value allowed. */
  most?: number;
}

const SIZE: Quantity = {
  expected: 'a size such as 800000, 800kB, 1.5MB or 512KiB',
  units: { '': 1, b: 1, kb: 1e3, mb: 1e6, gb: 1e9, tb: 1e12, kib: 2 ** 10, mib: 2 ** 20, gib: 2 ** 30, tib: 2 ** 40 },
};

const DURATION: Quantity = {
  expected: 'a time such as 5ms, 800us or 1.5s',
  units: { '': 1, ns: 1e-6, us: 1e-3, µs: 1e-3, μs: 1e-3, ms: 1, s: 1e3, min: 60e3 },
};

const FRACTION: Quantity = {
  expected: 'a fraction such as 0.01 or 1%',
  units: { '': 1, '%': 0.01 },
  most: 1,
};

const FACTOR: Quantity = { expected: 'a factor such as 1.5 or 2x', units: { '': 1, x: 1, '×': 1 } };

/**
 * Bytes of a size: `parseSize('1.5MB')` is 1,500,000; kB, MB … count in thousands, KiB, MiB … in 1,024s.
 * @param option name of the option, for the message.
 * @throws UserError where the text is no size.
 */
export function parseSize(text: string, option?: string): number {
  return Math.round(parse(text, SIZE, option));
}

/** Milliseconds of a time; a bare number is milliseconds. @throws UserError where the text is no time. */
export function parseDuration(text: string, option?: string): number {
  return parse(text, DURATION, option);
}

/** A fraction 0…1 of `1%` or `0.01`. @throws UserError where the text is no fraction or above 1 (100 %). */
export function parseFraction(text: string, option?: string): number {
  return parse(text, FRACTION, option);
}

/** A factor of `2`, `1.5x`. @throws UserError where the text is no factor. */
export function parseFactor(text: string, option?: string): number {
  return parse(text, FACTOR, option);
}

function parse(text: string, { expected, units, most = Number.MAX_VALUE }: Quantity, option?: string): number {
  const [, digits, unit] = /^(\d*\.?\d+(?:e[+-]?\d+)?)\s*(\D*)$/i.exec(text.trim()) ?? [];
  const factor = units[unit?.toLowerCase() ?? '?'];
  if (factor === undefined) throw new UserError(`expected ${expected}, got '${text}'`, { file: option });
  const value = unit === '%' ? Number(digits) / 100 : Number(digits) * factor;
  if (value <= most) return value;
  const mend = most === 1 && unit === '' ? `for ${digits} percent write ${digits}%` : undefined;
  throw new UserError(`expected ${expected}, got '${text}'`, { file: option, mend });
}
