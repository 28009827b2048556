import type { Dataset } from './types.js';

/** Some samples of a data set, in the order given, as a data set of its own. */
export function subsetOf(dataset: Dataset, indices: readonly number[]): Dataset {
  const { path, kind, classNames } = dataset;
  return {
    path,
    kind,
    size: indices.length,
    classNames,
    label: (index) => dataset.label(indices[index]!),
    describe: (index) => dataset.describe(indices[index]!),
    load: (index) => dataset.load(indices[index]!),
  };
}
