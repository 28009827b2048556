import { dropInterval, mcnemarP, type PairedCounts } from './paired.js';
import type { Predictions } from './predictions.js';
import type { Interval } from './statistics.js';

/** What became of an original model's predictions in a compressed one, on the same samples. */
export interface Comparison {
  /** Samples compared, with a label or without. */
  samples: number;
  /** Share of samples with the same prediction, 0…1. */
  agreement: number;
  /** Absent where no sample has a label. */
  labelled?: {
    /** Accuracy of the original minus that of the compressed model, as a fraction: positive where it became worse. */
    accuracyDrop: Interval;
    pairs: PairedCounts;
    /** Two-sided p-value of McNemar's exact test. */
    mcnemarP: number;
  };
}

/**
 * Compares predictions of two models sample by sample.
 * @param confidence of the interval, 0…1.
 * @throws Error where the two were not recorded on the same samples (a bug of the caller).
 */
export function comparePredictions(original: Predictions, compressed: Predictions, confidence = 0.95): Comparison {
  checkPaired(original, compressed);
  const pairs: PairedCounts = { samples: 0, gained: 0, lost: 0 };
  let agreeing = 0;
  for (let sample = 0; sample < original.size; sample++) {
    if (original.agrees(compressed, sample)) agreeing++;
    if (!original.isLabelled(sample)) continue;
    pairs.samples++;
    const [before, after] = [original.isCorrect(sample), compressed.isCorrect(sample)];
    if (before && !after) pairs.lost++;
    if (after && !before) pairs.gained++;
  }
  return {
    samples: original.size,
    agreement: agreeing / original.size,
    ...(pairs.samples > 0 && {
      labelled: { accuracyDrop: dropInterval(pairs, confidence), pairs, mcnemarP: mcnemarP(pairs) },
    }),
  };
}

/** @throws Error where two recordings do not hold the same samples in the same order. */
export function checkPaired(a: Predictions, b: Predictions): void {
  if (a.task !== b.task || a.classes !== b.classes || a.size !== b.size || a.size === 0) {
    throw new Error(
      `cannot pair ${a.size} ${a.task} predictions of ${a.classes} classes with ${b.size} of ${b.classes}`,
    );
  }
  for (let sample = 0; sample < a.size; sample++) {
    if (!a.sharesTarget(b, sample)) throw new Error(`sample ${sample} has another label in the other recording`);
  }
}
