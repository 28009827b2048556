import type { TaskData } from '../data/task.js';
import type { ClassificationAccumulator } from '../evaluate/classification.js';
import type { ChangedSample } from '../report/schema.js';

/** Changed samples that a report lists. */
export const MOST_CHANGED = 200;

/** Order in which changes are listed. */
const CHANGES = ['lost', 'gained', 'other'] as const;

/**
 * The samples that two models judge differently, those that became wrong first, then those that became right.
 * @param indices place in the data of each recorded sample.
 */
export function changedSamples(
  before: ClassificationAccumulator,
  after: ClassificationAccumulator,
  indices: readonly number[],
  { dataset }: TaskData,
  most = MOST_CHANGED,
): ChangedSample[] {
  const [a, b] = [before.predictions, after.predictions];
  const names = (classes: readonly number[]) => classes.map((index) => before.classes[index]!);
  const changed: ChangedSample[] = [];
  for (let sample = 0; sample < a.size; sample++) {
    if (a.agrees(b, sample)) continue;
    const index = indices[sample]!;
    changed.push({
      index,
      place: dataset.describe(index),
      target: names(a.targetClasses(sample)),
      before: names(a.predictedClasses(sample)),
      after: names(b.predictedClasses(sample)),
      change: a.isCorrect(sample) ? 'lost' : b.isCorrect(sample) ? 'gained' : 'other',
    });
  }
  const order = ({ change, index }: ChangedSample) => CHANGES.indexOf(change) * dataset.size + index;
  return changed.sort((x, y) => order(x) - order(y)).slice(0, most);
}

/** Changed samples that get a preview. */
const MOST_PREVIEWS = 20;

/** Adds previews to the first samples, for a report that shows them. */
export async function withPreviews(samples: readonly ChangedSample[], { dataset }: TaskData): Promise<ChangedSample[]> {
  const { previewOf } = await import('../data/preview.js');
  return Promise.all(
    samples.map(async (sample, place) => {
      const preview = place < MOST_PREVIEWS ? await previewOf(await dataset.load(sample.index)) : undefined;
      return preview ? { ...sample, preview } : sample;
    }),
  );
}
