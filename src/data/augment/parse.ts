import { UserError } from '../../errors.js';
import { didYouMean } from '../../nearest.js';
import type { Dataset, Preprocessor, SampleKind } from '../types.js';
import type { Augmentation, AugmentationRow, Parameter } from './augmentation.js';
import { AUGMENTATIONS, AUTOMATIC } from './table.js';

const OPTION = '--augment';
const AUTO = 'auto';
const NONE = 'none';

/** Augmentations as the user wrote them, ready for use. */
export interface Augmentations {
  /** The text form with every number: `crop=4:reflect,flip=0.5`; empty for none. */
  description: string;
  /** In the order in which they are applied. */
  list: Augmentation[];
}

/** One augmentation with its numbers. */
interface Item {
  name: string;
  row: AugmentationRow;
  values: number[];
  variant: string;
}

/**
 * Reads augmentations from their text form: names, each with its numbers and variant where they are not the usual ones,
 * as in `flip,crop=4:zero,noise=10:30`; `none`; or `auto` for what is harmless, alone or before others.
 * @throws UserError where a name is not known for the kind of data or is given twice, a number is none or out of range,
 * or the model's inputs cannot be changed so
 */
export function parseAugmentations(
  text: string,
  data: { dataset: Pick<Dataset, 'kind'>; preprocessor: Pick<Preprocessor, 'form'> },
): Augmentations {
  const { kind } = data.dataset;
  const { form } = data.preprocessor;
  const names = text.split(',').map((part) => part.trim());
  if (names.length === 1 && names[0] === NONE) return { description: '', list: [] };
  const written = names.filter((part) => part !== AUTO).map((part) => parseItem(part, kind));
  for (const item of written) {
    const missing = item.row.lacks?.(form, item.variant);
    if (missing) throw new UserError(missing, { file: OPTION, where: item.name, mend: `leave '${item.name}' out` });
  }
  checkTwice(written);
  const isWritten = ({ name }: Item) => written.some((item) => item.name === name);
  const automatic = names.includes(AUTO) ? automaticItems(kind).filter((item) => !isWritten(item)) : [];
  const items = [...automatic.filter(({ row, variant }) => !row.lacks?.(form, variant)), ...written];
  return {
    description: items.map(show).join(','),
    list: items.map(({ row, values, variant }) => row.make(values, variant, form)),
  };
}

function automaticItems(kind: SampleKind): Item[] {
  return AUTOMATIC[kind] === '' ? [] : AUTOMATIC[kind].split(',').map((part) => parseItem(part, kind));
}

function show({ name, row, values, variant }: Item): string {
  return `${name}=${[...values, ...(row.variants ? [variant] : [])].join(':')}`;
}

function checkTwice(items: readonly Item[]): void {
  const names = items.map(({ name }) => name);
  const twice = names.find((name, at) => names.indexOf(name) !== at);
  if (twice) throw new UserError('is given twice', { file: OPTION, where: twice, mend: 'give it once' });
}

function parseItem(text: string, kind: SampleKind): Item {
  const [name = '', given, ...more] = text.split('=').map((part) => part.trim());
  const row = rowOf(name, kind);
  const parts = given === undefined ? [] : given.split(':').map((part) => part.trim());
  const { parameters, variants = [] } = row;
  const variant = variants.includes(parts.at(-1) ?? '') ? parts.pop()! : variants[0];
  if (more.length > 0 || parts.length > parameters.length) throw malformed(name, row, `'${text}' is not understood`);
  const values = parameters.map((parameter, at) =>
    parts[at] === undefined ? parameter.default : parseNumber(name, row, parameter, parts[at]),
  );
  if (row.interval && values[0]! > values[1]!) throw malformed(name, row, `${values[0]} is more than ${values[1]}`);
  return { name, row, values, variant: variant ?? '' };
}

function rowOf(name: string, kind: SampleKind): AugmentationRow {
  const known = Object.keys(AUGMENTATIONS[kind]);
  const row = known.includes(name) ? AUGMENTATIONS[kind][name] : undefined;
  if (row) return row;
  const what =
    name === NONE
      ? `'${NONE}' stands alone`
      : `there is no augmentation '${name}' for ${kind} data${didYouMean(name, [...known, AUTO, NONE])}`;
  throw new UserError(what, { file: OPTION, mend: `there are ${known.join(', ')}` });
}

function parseNumber(name: string, row: AugmentationRow, parameter: Parameter, text: string): number {
  const value = text === '' ? Number.NaN : Number(text);
  if (value >= parameter.least && value <= parameter.most) return value;
  const what = `'${text}' is no ${parameter.name} from ${parameter.least} to ${parameter.most}`;
  throw malformed(name, row, what);
}

function malformed(name: string, row: AugmentationRow, what: string): UserError {
  const numbers = row.parameters.map((parameter) => parameter.name).join(':');
  const variants = row.variants ? `[:${row.variants.join('|')}]` : '';
  const usual = row.parameters.map((parameter) => parameter.default).join(':');
  return new UserError(what, {
    file: OPTION,
    where: name,
    mend: `it ${row.about}: ${name}=${numbers}${variants}, usually ${name}=${usual}`,
  });
}
