import type { Model } from '../../ir/model.js';

/** What a model whose cost depends on the input tells of itself in its metadata. */
export interface ExitCard {
  /** The optional input with the thresholds, and the output with the exit of each sample. */
  threshold: string;
  exit: string;
  /** Multiply-accumulates of the original for one sample. */
  macs: number;
  /** In order; `cost` is what it takes to get there, as a share of the original. */
  exits: readonly { name: string; cost: number }[];
}

const KEY = 'nncompress.exits';

/** Writes the card of a model. */
export function writeExitCard({ metadata }: Model, card: ExitCard): void {
  metadata.set(KEY, JSON.stringify(card));
}

/** The card of a model; undefined where it has none that fits its outputs. */
export function readExitCard({ metadata, graph }: Model): ExitCard | undefined {
  try {
    const card = JSON.parse(metadata.get(KEY) ?? 'null') as ExitCard | null;
    const fits =
      card &&
      graph.outputs.some(({ name }) => name === card.exit) &&
      graph.initializers.get(card.threshold)?.size === card.exits.length - 1 &&
      [card.macs, ...card.exits.map(({ cost }) => cost)].every((number) => number > 0);
    return fits ? card : undefined;
  } catch {
    return undefined;
  }
}
