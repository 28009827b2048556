import { openDataset } from '../data/open.js';
import type { TaskData } from '../data/task.js';
import type { Dataset } from '../data/types.js';
import { UserError } from '../errors.js';
import { seededRandom, shuffled } from '../random.js';
import { datasetOptions, type Workbench, type WorkbenchOptions } from './workbench.js';

/** Samples of a domain, whose labels are not looked at. */
export interface DomainSamples {
  path: string;
  data: TaskData;
  /** Those that are used, in random order. */
  indices: readonly number[];
}

/** More samples than these tell no more of a domain. */
const MOST_SAMPLES = 4096;
/** Fewer tell too little. */
const LEAST_SAMPLES = 16;

/**
 * Opens samples of a domain.
 * @param option that names them, for messages.
 * @throws UserError where they do not fit the model, or are too few
 */
export async function openDomain(
  bench: Pick<Workbench, 'open'>,
  path: string,
  option: string,
  options: WorkbenchOptions & { seed: number },
): Promise<DomainSamples> {
  const data = await bench.open(
    withoutLabels(await openDataset(path, { ...datasetOptions(options), labelColumn: undefined })),
  );
  const { size } = data.dataset;
  const batch = data.fixedBatch ?? 1;
  if (size < Math.max(LEAST_SAMPLES, batch))
    throw new UserError(`holds ${size} samples, too few to tell a domain by`, {
      file: path,
      mend: `give ${option} at least ${Math.max(LEAST_SAMPLES, batch)}`,
    });
  const all = Array.from({ length: size }, (_, index) => index);
  // In random order, since batches of one class would not be like the domain.
  const chosen = shuffled(all, seededRandom(options.seed)).slice(0, MOST_SAMPLES);
  return { path, data, indices: chosen.slice(0, chosen.length - (chosen.length % batch)) };
}

/** A data set without its labels: names of folders may be anything. */
function withoutLabels(dataset: Dataset): Dataset {
  const { path, kind, size } = dataset;
  return {
    ...{ path, kind, size },
    label: () => undefined,
    describe: (index) => dataset.describe(index),
    load: (index) => dataset.load(index),
  };
}
