import { type ModelCost, measureCost } from '../analysis/cost.js';
import { UserError } from '../errors.js';
import { percentile } from '../evaluate/statistics.js';
import type { NamedValues } from '../ir/types.js';
import type { ChannelBudget, ChannelPruning } from '../passes/prune/prune-channels.js';
import { formatBytes } from '../report/format.js';
import { type LatencyBudget, measureLatency } from '../runtime/latency.js';
import { withLoadable } from '../runtime/source.js';
import type { PruningSite } from './prune-method.js';
import { CHANNEL_TARGETS, type ChannelTarget, type PruneOptions } from './prune-options.js';
import { modelBytes } from './reporting.js';
import { latencyFeeds, writtenBytes } from './verify.js';
import type { Workbench } from './workbench.js';

/** Finds widths of a model's groups, so that a share of the original is left. */
type Widths = (pruning: ChannelPruning, share: number) => ChannelBudget | Promise<ChannelBudget>;

/** What targets are called in messages. */
const NOUNS: Readonly<Record<ChannelTarget, string>> = {
  macs: 'multiply-accumulates',
  parameters: 'parameters',
  size: 'size',
  latency: 'latency',
};

/**
 * Widths on the way to what is asked for, as a share of that way.
 * @throws UserError where it cannot be reached
 */
export async function aimAt(original: ChannelPruning, site: PruningSite): Promise<Widths> {
  const { bench, options } = site;
  const target = CHANNEL_TARGETS.find((key) => options[key] !== undefined)!;
  const given = options[target]!;
  const bytes = target === 'size' && given > 1 ? await modelBytes(bench.path, bench.model) : undefined;
  const wanted = bytes === undefined ? given : given / bytes;
  const shown = (share: number) => (bytes === undefined ? percent(share) : formatBytes(share * bytes));
  checkPrunable(original, bench);
  const widths = await AIMS[target](site);
  if (wanted >= 1)
    throw new UserError(`all of the ${NOUNS[target]} may stay: nothing is to be pruned`, { file: `--${target}` });
  const { isReached, share } = await widths(original, wanted);
  if (!isReached)
    throw new UserError(`${shown(wanted)} of the ${NOUNS[target]} cannot be reached: ${shown(share)} is the least`, {
      file: bench.path,
      mend: [...(share < 1 ? [`ask for that with --${target}`] : []), ...waysToMore(options)].join(', or '),
    });
  if (options.round === 'auto' && share < COARSE * wanted)
    site.context.note(
      `channels come in multiples that this machine computes well, which leaves ${shown(share)} of the ${NOUNS[target]}: ` +
        `--round 1 comes nearer to ${shown(wanted)}`,
    );
  return (pruning, share) => widths(pruning, wanted ** share);
}

/** What is left of what was asked for, where that is worth a word. */
const COARSE = 0.85;

/** What would let more channels go. */
function waysToMore({ include, exclude, round, minChannels, maxPerLayer }: PruneOptions): string[] {
  const limits = [
    ...(round === 'auto' || round === 1 ? [] : ['--round']),
    ...(minChannels > 1 ? ['--min-channels'] : []),
    ...(maxPerLayer === undefined ? [] : ['--max-per-layer']),
  ];
  return [
    ...(include.length || exclude.length ? ['exclude less'] : []),
    ...(limits.length ? [`allow more with ${limits.join(' and ')}`] : []),
  ];
}

/** Reasons that are named. */
const MOST_REASONS = 3;

/** @throws UserError where no channels can be removed */
export function checkPrunable({ groups, left }: ChannelPruning, { path }: Workbench): void {
  if (groups.length) return;
  const reasons = [...new Set(left.map(({ name, reason }) => `${name}: ${reason}`))].slice(0, MOST_REASONS);
  throw new UserError(`no channels can be removed${reasons.length ? ` (${reasons.join('; ')})` : ''}`, {
    file: path,
    mend: 'exclude less, or see nncompress inspect --channels',
  });
}

const percent = (share: number) => `${(100 * share).toFixed(1)} %`;

const AIMS: Readonly<Record<ChannelTarget, (site: PruningSite) => Promise<Widths>>> = {
  macs: ({ bench }) => costAim(bench, 'macs'),
  parameters: ({ bench }) => costAim(bench, 'parameters'),
  size: sizeAim,
  latency: latencyAim,
};

async function costAim({ model }: Workbench, key: keyof ModelCost & ('macs' | 'parameters')): Promise<Widths> {
  const { [key]: whole } = await measureCost(model);
  return async (pruning, share) => {
    const { [key]: now } = await measureCost(pruning.model);
    const budget = pruning.budget(key, (share * whole) / now);
    return { ...budget, share: (budget.share * now) / whole };
  };
}

/** A file holds its constants, and about as much more at any widths. */
async function sizeAim({ bench }: PruningSite): Promise<Widths> {
  const whole = await modelBytes(bench.path, bench.model);
  return async (pruning, share) => {
    const { bytes } = await measureCost(pruning.model);
    const rest = writtenBytes(pruning.model) - bytes;
    const budget = pruning.budget('bytes', (share * whole - rest) / bytes);
    return { ...budget, share: (budget.share * bytes + rest) / whole };
  };
}

/** Models that are measured in the search for a latency. */
const TRIES = 6;
const BUDGET: LatencyBudget = { milliseconds: 600, rounds: [5, 200] };

/** Measures models of fewer and fewer multiply-accumulates: the largest that is as fast as asked is taken. */
async function latencyAim({ bench, calibration }: PruningSite): Promise<Widths> {
  const feeds = await latencyFeeds(bench, calibration?.data);
  return async (pruning, share) => {
    const measured = async (macs: number) => {
      const budget = pruning.budget('macs', macs);
      return { ...budget, share: await latencyShare(bench, pruning, budget, feeds[0]!) };
    };
    let best = await measured(0);
    let [low, high] = [pruning.budget('macs', 0).share, 1];
    for (let k = 0; best.share <= share && k < TRIES; k++) {
      const middle = Math.sqrt(low * high);
      const budget = await measured(middle);
      if (budget.share <= share) [best, low] = [budget, middle];
      else high = middle;
    }
    return { ...best, isReached: best.share <= share };
  };
}

async function latencyShare(
  { path, session }: Workbench,
  pruning: ChannelPruning,
  budget: ChannelBudget,
  feeds: NamedValues,
): Promise<number> {
  const { model } = await pruning.prune(budget);
  const [series] = await withLoadable([model], (sources) =>
    measureLatency([path, ...sources], [feeds], { ...session, threads: 1 }, BUDGET),
  );
  const [before, after] = series!.milliseconds.map((times) => percentile(times, 0.5));
  return after! / before!;
}
