/** A minus sign as wide as a plus. */
const MINUS = '−';

/** A number with `digits` significant digits at least in its whole part: `0.561`, `12.3`, `1,234`. */
export function formatNumber(value: number, digits = 3): string {
  const rounded = Math.abs(Number(value.toPrecision(digits)));
  const size = rounded === 0 ? 0 : Math.floor(Math.log10(rounded));
  const decimals = Math.min(Math.max(digits - 1 - size, 0), 8);
  return formatFixed(value, decimals);
}

/** A number with separators and a fixed number of decimals. */
export function formatFixed(value: number, decimals = 0): string {
  const text = value.toLocaleString('en-US', { minimumFractionDigits: decimals, maximumFractionDigits: decimals });
  return /[1-9]/.test(text) ? text.replace('-', MINUS) : text.replace('-', '');
}

const BYTES: readonly string[] = ['B', 'kB', 'MB', 'GB', 'TB'];
const TIMES: readonly string[] = ['µs', 'ms', 's'];

/** A number of unknown kind, with five significant digits at least: `0.9`, `31.528`, `123,457`, `2.5e-7`. */
export function formatPlain(value: number): string {
  const tiny = value !== 0 && Math.abs(value) < 1e-6;
  const digits = Math.abs(value) < 1e5 ? { maximumSignificantDigits: 5 } : { maximumFractionDigits: 0 };
  const text = tiny ? value.toPrecision(5).replace(/\.?0+e/, 'e') : (value + 0).toLocaleString('en-US', digits);
  return text.replace(/^-/, MINUS);
}

/** Bytes, in thousands as disks count: `2.82 MB`; in the unit that suits `like`, so that sizes can be compared. */
export function formatBytes(bytes: number, like = bytes): string {
  return scaled(bytes, like, BYTES);
}

/** Milliseconds: `45.2 µs`, `1.23 ms`, `2.50 s`; in the unit that suits `like`. */
export function formatDuration(ms: number, like = ms): string {
  return scaled(1000 * ms, 1000 * like, TIMES);
}

/** A fraction as a percentage, 100 only where it is all: `92.64 %`. */
export function formatPercent(fraction: number): string {
  return fraction < 1 && fraction >= 0.99995 ? '> 99.99 %' : `${formatFixed(100 * fraction, 2)} %`;
}

/** A fraction as percentage points with its sign: `+0.07`, `−1.20`, `0.00`. */
export function formatPoints(fraction: number): string {
  const text = formatFixed(100 * fraction, 2);
  return fraction > 0 && /[1-9]/.test(text) ? `+${text}` : text;
}

/** A factor: `2.20×`. */
export function formatFactor(factor: number): string {
  return `${formatNumber(factor)}×`;
}

function scaled(value: number, like: number, units: readonly string[]): string {
  let unit = 0;
  while (like / 1000 ** unit >= 999.5 && unit < units.length - 1) unit++;
  const whole = unit === 0 && Number.isInteger(value);
  return `${whole ? formatFixed(value) : formatNumber(value / 1000 ** unit)} ${units[unit]}`;
}

/** Decibels: `38.5 dB`. */
export function formatDecibels(decibels: number): string {
  return `${formatFixed(decibels, 1)} dB`;
}

/** A value that may be absent: empty text where it is. */
export function optional<T>(value: T | undefined, format: (value: T) => string): string {
  return value === undefined ? '' : format(value);
}

/** Text from a file without characters that could steer a terminal. */
export function printable(text: string): string {
  return text.replace(/\p{Cc}+/gu, ' ');
}

/** Lines of at most `width` columns, broken at spaces. */
export function wrapLines(text: string, width: number): string[] {
  const lines: string[] = [];
  for (const word of printable(text).split(' ')) {
    const last = lines.at(-1);
    if (last !== undefined && last.length + 1 + word.length <= width) lines[lines.length - 1] = `${last} ${word}`;
    else lines.push(word);
  }
  return lines;
}

/** The words of a text that fit on a line of `width` columns, with a mark where there are more. */
export function cutLine(text: string, width: number): string {
  const [line = '', ...more] = wrapLines(text, width);
  return more.length === 0 ? line : `${wrapLines(text, width - 2)[0]} …`;
}

/** Text of at most `width` columns, its start left out where it is longer: paths say most at their end. */
export function shortenPath(path: string, width: number): string {
  const text = printable(path);
  return text.length <= width ? text : `…${text.slice(text.length - Math.max(width - 1, 0))}`;
}

/** A word with a capital letter, as headings begin. */
export const capitalized = (word: string): string => word.slice(0, 1).toUpperCase() + word.slice(1);
