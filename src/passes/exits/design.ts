import type { Model } from '../../ir/model.js';
import { writeExitCard } from './card.js';
import { type RouteOptions, routeByConfidence } from './route.js';
import type { Exit } from './stages.js';

/** What makes a model whose cost depends on the input of a flat one, which computes all exits for all samples. */
export interface ExitDesign extends RouteOptions {
  exits: readonly Exit[];
  /** The output that holds the scores of the last exit. */
  output: string;
  /** Multiply-accumulates of the original for one sample. */
  macs: number;
  /** What it takes to get to each exit, as a share of the original. */
  costs: readonly number[];
}

/**
 * A copy of a flat model that lets samples leave at its exits, and tells of it in its metadata.
 * @throws UserError where a batch of the model cannot be parted
 */
export async function withExits(flat: Model, design: ExitDesign): Promise<Model> {
  const model = flat.clone();
  const { exits, output, form, measure, macs, costs } = design;
  const routed = await routeByConfidence(model, exits, output, design);
  writeExitCard(model, {
    ...routed,
    macs,
    exits: exits.map(({ name }, k) => ({ name, cost: costs[k]! })),
    routing: { form, measure, temperatures: exits.map(({ temperature }) => temperature) },
  });
  return model;
}
