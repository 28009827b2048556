import { measureCost } from '../analysis/cost.js';
import { UserError } from '../errors.js';
import { sumOf } from '../group.js';
import type { Model } from '../ir/model.js';
import type { Node } from '../ir/node.js';
import type { NamedValues } from '../ir/types.js';
import { castLikeToCast } from '../passes/cleanup/cast-like-to-cast.js';
import { constantsToInitializers } from '../passes/cleanup/constants-to-initializers.js';
import { foldConstants } from '../passes/cleanup/fold-constants.js';
import { initializersOutOfInputs } from '../passes/cleanup/initializers-out-of-inputs.js';
import { removeDeadNodes } from '../passes/cleanup/remove-dead-nodes.js';
import { removeIdentities } from '../passes/cleanup/remove-identities.js';
import { type Exit, levelsOf } from '../passes/exits/stages.js';
import { upgradeOpset } from '../passes/opset-upgrade/upgrade-opset.js';
import { runPasses } from '../passes/pass.js';

/** The operator set that exits are written in; newer models keep theirs. */
export const OPSET = 18;

/** A copy of a model in an operator set, without what nothing needs; its outputs are as they were, to the bit. */
export async function plainCopy(model: Model, opset: number): Promise<Model> {
  const copy = model.clone();
  await runPasses(copy, [initializersOutOfInputs, constantsToInitializers]);
  if (copy.opset < opset) await runPasses(copy, [upgradeOpset(opset)]);
  await runPasses(copy, [castLikeToCast, foldConstants, removeDeadNodes, removeIdentities]);
  return copy;
}

/** What a model costs up to each of its exits. */
export interface ExitCosts {
  /** As a share of the original's multiply-accumulates. */
  shares: number[];
  /** The same of what each exit alone needs. */
  own: number[];
  warnings: string[];
}

/**
 * Counts the multiply-accumulates up to each exit.
 * @param original what shares are taken of.
 * @param feeds one sample.
 * @throws UserError where the original's are unknown
 */
export async function costsOf(
  flat: Model,
  exits: readonly Exit[],
  original: Model,
  feeds: NamedValues,
): Promise<ExitCosts> {
  const { nodes, unknown } = await measureCost(flat, { feeds });
  const { macs } = await measureCost(original, { feeds });
  if (!macs) throw unknownCost(original.source?.path);
  const shareOf = (some: Iterable<Node>) =>
    sumOf(some, (node) => nodes.get(node.outputs.find(Boolean) ?? '') ?? 0) / macs;
  const needed = exits.map((exit) => new Set(levelsOf(flat, [exit]).keys()));
  const upTo = (level: number) => new Set(needed.slice(0, level + 1).flatMap((some) => [...some]));
  const alone = (exit: number) => {
    const others = needed.toSpliced(exit, 1);
    return [...needed[exit]!].filter((node) => !others.some((some) => some.has(node)));
  };
  const [first] = unknown;
  return {
    shares: exits.map((_, level) => shareOf(upTo(level))),
    own: exits.map((_, exit) => shareOf(alone(exit))),
    warnings: first
      ? [`the cost of ${unknown.length} nodes is unknown and was not counted, such as ${first.node} (${first.type})`]
      : [],
  };
}

/** What is said of a model of which no part of the cost is known. */
export const unknownCost = (file: string | undefined): UserError =>
  new UserError('its multiply-accumulates are unknown, so that no cost can be told', {
    file,
    mend: 'see nncompress inspect',
  });
