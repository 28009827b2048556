import { z } from 'zod';
import { count, fraction, positive } from './numbers.js';
import { interval } from './quality.js';

/** A figure before and after. */
const change = z.object({ before: fraction, after: fraction });

/** What fitting a new domain did. */
export const domain = z.object({
  /** Samples of the new domain, without labels. */
  path: z.string(),
  samples: count,
  /** What was adapted by: `statistics`, `entropy` or `both`. */
  method: z.string(),
  /** Share of the new domain in the statistics of normalizations; that of the old one is the rest. */
  share: fraction.optional(),
  /** Samples of the old domain. */
  source: z.object({ path: z.string(), samples: count }).optional(),
  /** Normalizations whose statistics were estimated anew. */
  norms: z
    .array(
      z.object({
        /** The value that it gives. */
        name: z.string(),
        kind: z.enum(['batch-norm', 'folded']),
        /** How far means moved, in standard deviations: root mean square over the channels. */
        moved: positive,
        /** Standard deviations after over those before: geometric mean over the channels. */
        widened: positive,
      }),
    )
    .optional(),
  /** What predictions on samples of the new domain tell without labels. */
  unlabelled: z.object({
    samples: count,
    /** Share of the samples that are predicted as something else. */
    changed: fraction,
    /** Mean entropy of the predictions, as a share of the largest possible. */
    entropy: change,
    /** Entropy of the mean prediction, as a share of the largest possible. */
    diversity: change,
    /** Share of the samples that are predicted as each class. */
    classes: z.array(change.extend({ class: z.string() })),
  }),
  /** What adapting cost on labelled data of the old domain. */
  sourceTest: z.object({ path: z.string(), samples: count, accuracy: change, drop: interval }).optional(),
});
