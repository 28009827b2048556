import { UserError } from '../../errors.js';
import type { Dataset, Preprocessor, SampleKind } from '../types.js';
import type { Augmentation, AugmentationRow } from './augmentation.js';
import { checkTwice, type Item, parseItem, showItem, type Vocabulary } from './items.js';
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

type AugmentationItem = Item<AugmentationRow>;

const vocabularyOf = (kind: SampleKind): Vocabulary<AugmentationRow> => ({
  ...{ option: OPTION, noun: 'augmentation', kind, rows: AUGMENTATIONS[kind], words: [AUTO, NONE] },
});

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
  const written = names.filter((part) => part !== AUTO).map((part) => parseItem(part, vocabularyOf(kind)));
  for (const item of written) {
    const missing = item.row.lacks?.(form, item.variant);
    if (missing) throw new UserError(missing, { file: OPTION, where: item.name, mend: `leave '${item.name}' out` });
  }
  checkTwice(written, OPTION);
  const isWritten = ({ name }: AugmentationItem) => written.some((item) => item.name === name);
  const automatic = names.includes(AUTO) ? automaticItems(kind).filter((item) => !isWritten(item)) : [];
  const items = [...automatic.filter(({ row, variant }) => !row.lacks?.(form, variant)), ...written];
  return {
    description: items.map(showItem).join(','),
    list: items.map(({ row, values, variant }) => row.make(values, variant, form)),
  };
}

function automaticItems(kind: SampleKind): AugmentationItem[] {
  return AUTOMATIC[kind] === '' ? [] : AUTOMATIC[kind].split(',').map((part) => parseItem(part, vocabularyOf(kind)));
}
