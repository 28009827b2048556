import { z } from 'zod';
import { count, positive } from './numbers.js';

/** A picture itself, in base64: never an address, so that a report loads nothing. */
const picture = z.object({
  uri: z.string().regex(/^data:image\/(png|jpeg|webp);base64,[A-Za-z0-9+/]+=*$/),
  width: count,
  height: count,
});

/** A sample in small, as it is shown. */
export const preview = z.discriminatedUnion('kind', [
  picture.extend({ kind: z.literal('image') }),
  z.object({ kind: z.literal('text'), text: z.string(), pair: z.string().optional() }),
  z.object({
    kind: z.literal('audio'),
    /** SVG path of the waveform, in a box 200 wide and 40 high. */
    path: z.string().regex(/^[MLHV0-9 .-]+$/),
    seconds: positive,
    /** Log-mel energies, time from left to right, low pitches at the bottom. */
    spectrogram: picture.optional(),
  }),
  z.object({
    kind: z.literal('arrays'),
    /** Some of the arrays as heat maps: the last axis from left to right, all others from top to bottom. */
    arrays: z.array(z.object({ name: z.string(), image: picture, shape: z.string() })),
  }),
]);

/** A sample whose prediction changed. Names of classes; several or none for multi-label data. */
export const changedSample = z.object({
  /** Place in the data, from 0. */
  index: count,
  /** Where it lies, for people: `dog/3.png`. */
  place: z.string(),
  target: z.array(z.string()),
  before: z.array(z.string()),
  after: z.array(z.string()),
  /** Lost: only the original was right; gained: only the compressed model is; other: both are wrong. */
  change: z.enum(['lost', 'gained', 'other']),
  preview: preview.optional(),
});

export type ChangedSample = z.output<typeof changedSample>;
export type Preview = z.output<typeof preview>;
