import type { Model } from '../ir/model.js';
import type { Node } from '../ir/node.js';
import { checkFilter, excludedBy } from '../passes/quantize/filter.js';
import type { Report } from '../report/schema.js';
import type { Calibration } from './calibration.js';
import type { CommandContext } from './context.js';
import type { PruneOptions } from './prune-options.js';
import type { Workbench } from './workbench.js';

type PruningReport = NonNullable<Report['pruning']>;

/** A model that was pruned. */
export interface Pruned {
  model: Model;
  /** What each layer or group had in the original, and has now. */
  groups: PruningReport['groups'];
  /** What had to stay as it is, and why. */
  left: Readonly<NonNullable<PruningReport['left']>>;
}

/** A way to make a model smaller. */
export interface PruningMethod {
  /** How is told what matters. */
  importance: string;
  /** How many steps to what is asked for can be told apart. */
  levels: number;
  /**
   * Prunes a model, which may have been pruned before.
   * @param share of the way from the original to what is asked for, 0…1.
   */
  prune(model: Model, share: number): Promise<Pruned>;
}

/** What methods are made from. */
export interface PruningSite {
  bench: Workbench;
  /** Inputs to measure on. */
  calibration: Calibration | undefined;
  options: PruneOptions;
  context: CommandContext;
}

/**
 * Tells why the user's patterns keep what some nodes do together; undefined where they do not.
 * @throws UserError for a pattern that fits no node
 */
export function keptBy({ bench, options }: PruningSite): (nodes: Iterable<Node>) => string | undefined {
  checkFilter(options, [bench.model]);
  const excludes = excludedBy(options);
  return (nodes) => {
    const reasons = [...nodes].map((node) => excludes({ node, key: node.label }));
    const isExcluded = reasons.find((reason) => reason?.startsWith('excluded'));
    return isExcluded ?? (reasons.includes(undefined) ? undefined : reasons[0]);
  };
}
