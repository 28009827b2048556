import { UserError } from '../../errors.js';
import { didYouMean } from '../../nearest.js';
import type { SampleKind } from '../types.js';
import type { AugmentationRow, Parameter } from './augmentation.js';

/** What a text form says of a change of samples: its numbers and its variant. */
export type ItemRow = Pick<AugmentationRow, 'about' | 'parameters' | 'interval' | 'variants'>;

/** The names that a list may hold, and what is said of others. */
export interface Vocabulary<Row extends ItemRow> {
  /** For messages: `--augment`, `augmentation`. */
  option: string;
  noun: string;
  kind: SampleKind;
  rows: Readonly<Record<string, Row>>;
  /** Words that stand for lists. */
  words: readonly string[];
}

/** One change with its numbers. */
export interface Item<Row extends ItemRow> {
  name: string;
  row: Row;
  values: number[];
  variant: string;
}

/** The text form of an item with every number. */
export function showItem({ name, row, values, variant }: Item<ItemRow>): string {
  return `${name}=${[...values, ...(row.variants ? [variant] : [])].join(':')}`;
}

/** @throws UserError where a name is there twice */
export function checkTwice(items: readonly Item<ItemRow>[], option: string): void {
  const names = items.map(({ name }) => name);
  const twice = names.find((name, at) => names.indexOf(name) !== at);
  if (twice) throw new UserError('is given twice', { file: option, where: twice, mend: 'give it once' });
}

/**
 * Reads a name with its numbers and its variant where they are not the usual ones, as in `crop=4:zero`.
 * @throws UserError where the name is not known, or a number is none or out of range
 */
export function parseItem<Row extends ItemRow>(text: string, vocabulary: Vocabulary<Row>): Item<Row> {
  const { option } = vocabulary;
  const [name = '', given, ...more] = text.split('=').map((part) => part.trim());
  const row = rowOf(name, vocabulary);
  const parts = given === undefined ? [] : given.split(':').map((part) => part.trim());
  const { parameters, variants = [] } = row;
  const variant = variants.includes(parts.at(-1) ?? '') ? parts.pop()! : variants[0];
  if (more.length > 0 || parts.length > parameters.length)
    throw malformed(name, row, `'${text}' is not understood`, option);
  const values = parameters.map((parameter, at) =>
    parts[at] === undefined ? parameter.default : parseNumber(name, row, parameter, parts[at], option),
  );
  if (row.interval && values[0]! > values[1]!)
    throw malformed(name, row, `${values[0]} is more than ${values[1]}`, option);
  return { name, row, values, variant: variant ?? '' };
}

function rowOf<Row extends ItemRow>(name: string, { option, noun, kind, rows, words }: Vocabulary<Row>): Row {
  const known = Object.keys(rows);
  const row = known.includes(name) ? rows[name] : undefined;
  if (row) return row;
  const near = known.length ? didYouMean(name, [...known, ...words]) : '';
  const what = words.includes(name)
    ? `'${name}' stands alone`
    : `there is no ${noun} '${name}' for ${kind} data${near}`;
  throw new UserError(what, { file: option, mend: known.length ? `there are ${known.join(', ')}` : 'leave it out' });
}

function parseNumber(name: string, row: ItemRow, parameter: Parameter, text: string, option: string): number {
  const value = text === '' ? Number.NaN : Number(text);
  if (value >= parameter.least && value <= parameter.most) return value;
  const what = `'${text}' is no ${parameter.name} from ${parameter.least} to ${parameter.most}`;
  throw malformed(name, row, what, option);
}

function malformed(name: string, row: ItemRow, what: string, option: string): UserError {
  const numbers = row.parameters.map((parameter) => parameter.name).join(':');
  const variants = row.variants ? `[:${row.variants.join('|')}]` : '';
  const usual = row.parameters.map((parameter) => parameter.default).join(':');
  return new UserError(what, {
    file: option,
    where: name,
    mend: `it ${row.about}: ${name}=${numbers}${variants}, usually ${name}=${usual}`,
  });
}
