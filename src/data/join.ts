import { UserError } from '../errors.js';
import type { Dataset } from './types.js';

/**
 * A data set and further samples of the same kind behind it, whose labels are not looked at.
 * @throws UserError where the kinds differ
 */
export function withUnlabelled(labelled: Dataset, unlabelled: Dataset): Dataset {
  const { kind, size, classNames, path } = labelled;
  if (unlabelled.kind !== kind)
    throw new UserError(`holds ${unlabelled.kind} samples, ${path} ${kind} samples`, {
      file: unlabelled.path,
      mend: 'give samples of one kind',
    });
  const isFirst = (index: number) => index < size;
  return {
    path,
    kind,
    size: size + unlabelled.size,
    classNames,
    label: (index) => (isFirst(index) ? labelled.label(index) : undefined),
    describe: (index) =>
      isFirst(index) ? labelled.describe(index) : `${unlabelled.path}: ${unlabelled.describe(index - size)}`,
    load: (index) => (isFirst(index) ? labelled.load(index) : unlabelled.load(index - size)),
  };
}
