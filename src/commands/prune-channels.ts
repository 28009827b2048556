import { UserError } from '../errors.js';
import type { Model } from '../ir/model.js';
import type { NamedValues } from '../ir/types.js';
import type { Budget } from '../passes/prune/budget.js';
import { CRITERIA } from '../passes/prune/importance/index.js';
import { ChannelPruning, type PrunedChannels } from '../passes/prune/prune-channels.js';
import type { CalibrationBatches } from '../passes/quantize/calibrate.js';
import { aimAt } from './prune-aim.js';
import { keptBy, type PruningMethod, type PruningSite } from './prune-method.js';

/** Steps to the target that the search for what a gate allows tells apart. */
const LEVELS = 16;

/**
 * Removes channels, those that matter least, and fits the layers that took them anew, where there are inputs.
 * @throws UserError where none can be removed, or the target cannot be reached
 */
export async function channelsMethod(site: PruningSite): Promise<PruningMethod> {
  const { bench } = site;
  const importance = criterionOf(site);
  const prepare = preparer(importance, site);
  const original = await prepare(bench.model);
  const widthsAt = await aimAt(original, site);
  const sizes = new Map<string, number>();
  return {
    importance,
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

type Importance = keyof typeof CRITERIA;

/** Criteria that look at weights alone. */
const WITHOUT_INPUTS: readonly Importance[] = ['l1', 'l2', 'batch-norm', 'random'];

/** @throws UserError where inputs are needed and there are none */
function criterionOf({ options, calibration, context }: PruningSite): Importance {
  const given = options.importance as Importance | undefined;
  if (given && (calibration || WITHOUT_INPUTS.includes(given))) return given;
  if (calibration) return 'reconstruction';
  if (given)
    throw new UserError('needs inputs to measure on', {
      file: `--importance ${given}`,
      mend: 'name some with --calibration or --data',
    });
  context.note('no inputs are there to measure on: channels are chosen by their weights, and no layer is fitted anew');
  return 'l2';
}

async function* noBatches(): AsyncGenerator<NamedValues> {}

type Prepare = (model: Model) => Promise<ChannelPruning>;

function preparer(importance: Importance, site: PruningSite): Prepare {
  const { bench, calibration, options, context } = site;
  const { round, minChannels, maxPerLayer, scope, seed } = options;
  const keeps = keptBy(site);
  const multiple = round === 'auto' ? undefined : round;
  const criterion = CRITERIA[importance];
  const batches: CalibrationBatches = calibration ? () => calibration.batches() : noBatches;
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
async function pruneTo(budget: Budget, pruning: ChannelPruning, site: PruningSite): Promise<PrunedChannels> {
  const { bench, calibration, options, context } = site;
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
