import type { NamedValues } from '../ir/types.js';
import { mixedSeed, type Random, seededRandom } from '../random.js';
import type { Augmentation } from './augment/augmentation.js';
import type { SampleReader } from './collector.js';
import { checkFinite } from './finite.js';
import { SampleCache } from './sample-cache.js';
import type { TaskData } from './task.js';
import type { RawSample } from './types.js';

/** What decides how a sample is changed in an epoch, beside its index. */
export interface TrainingReaderOptions {
  augmentations: readonly Augmentation[];
  seed: number;
  epoch: number;
  /** Bytes of samples that are kept from epoch to epoch. */
  cacheBytes: number;
}

/** What is kept of data: samples as they are before the first augmentation. */
interface Caches {
  fitted: SampleCache<RawSample>;
  prepared: SampleCache<NamedValues>;
}

const CACHES = new WeakMap<TaskData, Caches>();

function cachesOf(data: TaskData): Caches {
  const caches = CACHES.get(data) ?? { fitted: new SampleCache(), prepared: new SampleCache() };
  CACHES.set(data, caches);
  return caches;
}

/**
 * Gives the samples of one epoch, augmented. Random numbers come from the seed, the epoch and the sample's index alone,
 * so that neither order nor timing matters. What comes before the first augmentation is kept for later epochs.
 */
export function trainingReader(data: TaskData, options: TrainingReaderOptions): SampleReader {
  const { dataset, preprocessor } = data;
  const { augmentations, seed, epoch, cacheBytes } = options;
  const { stages } = preprocessor;
  const caches = cachesOf(data);
  const randomOf = (index: number) => seededRandom(mixedSeed(seed, epoch, index));
  const onInputs = augmentations.filter((each) => each.on === 'inputs');
  const finish = (inputs: NamedValues, random: Random) =>
    onInputs.reduce((changed, { apply }) => apply(changed, random), inputs);

  if (!stages || onInputs.length === augmentations.length) {
    return {
      readNow(index) {
        const inputs = caches.prepared.get(index);
        return inputs && finish(inputs, randomOf(index));
      },
      async read(index) {
        const inputs = await preprocessor.prepare(await dataset.load(index));
        checkFinite(inputs);
        caches.prepared.keep(index, inputs, cacheBytes);
        return finish(inputs, randomOf(index));
      },
    };
  }
  const change = (fitted: RawSample, index: number) => {
    const random = randomOf(index);
    const inputs = stages.encode(changed(fitted, augmentations, random));
    checkFinite(inputs);
    return finish(inputs, random);
  };
  return {
    readNow(index) {
      const fitted = caches.fitted.get(index);
      return fitted && change(fitted, index);
    },
    async read(index) {
      const fitted = stages.fit(await dataset.load(index));
      caches.fitted.keep(index, fitted, cacheBytes);
      return change(fitted, index);
    },
  };
}

/**
 * Gives the samples of one epoch, changed as they are for one model, as another model takes them. Changes of inputs, which
 * come after those of samples, are left out.
 */
export function viewReader(data: TaskData, taker: TaskData, options: TrainingReaderOptions): SampleReader {
  const { dataset, preprocessor } = data;
  const { augmentations, seed, epoch, cacheBytes } = options;
  const { stages } = preprocessor;
  const onSamples = augmentations.filter((each) => each.on !== 'inputs');
  if (!stages || !onSamples.length) return trainingReader(taker, { ...options, augmentations: [] });
  const { fitted } = cachesOf(data);
  return {
    async read(index) {
      const sample = fitted.get(index) ?? stages.fit(await dataset.load(index));
      fitted.keep(index, sample, cacheBytes);
      const random = seededRandom(mixedSeed(seed, epoch, index));
      const inputs = await taker.preprocessor.prepare(changed(sample, onSamples, random));
      checkFinite(inputs);
      return inputs;
    },
  };
}

function changed(sample: RawSample, augmentations: readonly Augmentation[], random: Random): RawSample {
  return augmentations.reduce(
    (made, { on, apply }) => (on === made.kind ? apply(made as never, random) : made),
    sample,
  );
}
