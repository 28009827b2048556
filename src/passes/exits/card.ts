import { z } from 'zod';
import type { Model } from '../../ir/model.js';
import { MEASURES } from './uncertainty.js';

const positive = z.number().positive();

const schema = z.object({
  /** The optional input with the thresholds, and the output with the exit of each sample. */
  threshold: z.string(),
  exit: z.string(),
  /** Multiply-accumulates of the original for one sample. */
  macs: positive,
  /** In order; `cost` is what it takes to get there, as a share of the original. */
  exits: z.array(z.object({ name: z.string(), cost: positive })).readonly(),
  /** How it is decided where samples leave; absent in files of earlier versions. */
  routing: z
    .object({
      form: z.object({
        kind: z.enum(['single-label', 'multi-label', 'binary']),
        probabilities: z.boolean(),
        width: z.int().positive(),
      }),
      measure: z.enum(MEASURES),
      /** Of each exit. */
      temperatures: z.array(positive),
    })
    .optional()
    .catch(undefined),
});

/** What a model whose cost depends on the input tells of itself in its metadata. */
export type ExitCard = z.infer<typeof schema>;

const KEY = 'nncompress.exits';

/** Writes the card of a model. */
export function writeExitCard({ metadata }: Model, card: ExitCard): void {
  metadata.set(KEY, JSON.stringify(card));
}

/** Takes the card of a model away. */
export function removeExitCard({ metadata }: Model): void {
  metadata.delete(KEY);
}

/** The card of a model; undefined where it has none that fits its outputs. */
export function readExitCard({ metadata, graph }: Model): ExitCard | undefined {
  const card = schema.safeParse(parsed(metadata.get(KEY))).data;
  const fits =
    card &&
    graph.outputs.some(({ name }) => name === card.exit) &&
    graph.initializers.get(card.threshold)?.size === card.exits.length - 1;
  return fits ? card : undefined;
}

function parsed(text = ''): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
