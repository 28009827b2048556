import type { Model } from '../ir/model.js';
import { type ChannelBudget, ChannelPruning, type PrunedChannels } from '../passes/prune/prune-channels.js';
import { aimAt } from './prune-aim.js';
import { type ChannelImportance, importanceOf } from './prune-importance.js';
import { keptBy, type PruningMethod, type PruningSite } from './prune-method.js';

/** Steps to the target that the search for what a gate allows tells apart. */
const LEVELS = 16;

/**
 * Removes channels, those that matter least, and fits the layers that took them anew, where there are inputs.
 * @throws UserError where none can be removed, or the target cannot be reached
 */
export async function channelsMethod(site: PruningSite): Promise<PruningMethod> {
  const { bench } = site;
  const importance = await importanceOf(site);
  const prepare = channelPreparer(importance, site);
  const original = await prepare(bench.model);
  const widthsAt = await aimAt(original, site);
  const sizes = new Map<string, number>();
  return {
    importance: importance.name,
    levels: LEVELS,
    async prune(model, share) {
      const pruning = model === bench.model ? original : await prepare(model);
      const pruned = await pruneTo(await widthsAt(pruning, share), pruning, site);
      for (const { name, before } of pruned.groups) if (!sizes.has(name)) sizes.set(name, before);
      return {
        model: pruned.model,
        groups: pruned.groups.map(({ name, after }) => ({ name, before: sizes.get(name)!, after })),
        left: pruning.left,
      };
    },
  };
}

/** Measures what the channels of a model matter, as the options say. */
export function channelPreparer(
  { criterion, batches }: ChannelImportance,
  site: PruningSite,
): (model: Model) => Promise<ChannelPruning> {
  const { bench, options, context } = site;
  const { round, minChannels, maxPerLayer, scope, seed } = options;
  const keeps = keptBy(site);
  const multiple = round === 'auto' ? undefined : round;
  return async (model) => {
    const task = context.progress.start('measuring what channels matter');
    const pruning = await ChannelPruning.prepare(model, {
      ...{ criterion, seed, multiple, minimum: minChannels, maxPerGroup: maxPerLayer },
      uniform: scope === 'layer',
      batches,
      session: bench.session,
      keep: ({ producers }) => keeps(producers.map(({ node }) => node)),
    });
    task.done();
    return pruning;
  };
}

/** Prunes, and fits the layers that are left where there are inputs. */
async function pruneTo(budget: ChannelBudget, pruning: ChannelPruning, site: PruningSite): Promise<PrunedChannels> {
  const { bench, calibration, options, context } = site;
  if (budget.isUneven) context.note('the target needs widths that this machine computes with some waste');
  if (!calibration || options.dryRun) return pruning.prune(budget);
  const task = context.progress.start('fitting layers to what they gave');
  const pruned = await pruning.prune(budget, {
    batches: () => calibration.batches(),
    session: bench.session,
    onProgress: () => task.advance(),
  });
  task.done();
  return pruned;
}
