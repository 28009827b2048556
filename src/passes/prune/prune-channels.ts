import { type ChannelGroup, type ChannelGroups, findChannelGroups } from '../../analysis/channel-groups.js';
import { measureCost } from '../../analysis/cost.js';
import type { GivenShapes } from '../../analysis/example-inputs.js';
import { isFilterBank } from '../../analysis/filter-bank.js';
import type { Model } from '../../ir/model.js';
import { type Budget, chooseWidths, type GroupChoices, uniformWidths, widthsOfShare } from './budget.js';
import { ChannelCosts, type Cost } from './channel-costs.js';
import { channelMultiples } from './granularity.js';
import type { Criterion } from './importance/criterion.js';
import { interpolateChannels } from './interpolate.js';
import { prepareForPruning } from './prepare.js';
import { type RefitOptions, type RefitResult, refit } from './refit.js';
import { affectedBy } from './refit-layers.js';
import { leftIndices, type RemovedChannels, removeChannels } from './remove-channels.js';
import type { CollectOptions } from './sums-thread.js';

/** How channels are chosen. */
export interface ChannelOptions extends CollectOptions {
  criterion: Criterion;
  seed: number;
  /** What the number of channels that are left of a group is a multiple of; absent: what this machine likes, if it can be. */
  multiple?: number | undefined;
  /** True: the same share of each group goes, as nearly as there are widths; false: what is worth least in all. */
  uniform?: boolean | undefined;
  /** Channels of each group that stay at least. */
  minimum?: number | undefined;
  /** Largest share of a group that goes. */
  maxPerGroup?: number | undefined;
  /** Why a group stays as it is; undefined where it need not. */
  keep?: ((group: ChannelGroup) => string | undefined) | undefined;
  /** Shapes of inputs on which cost is counted. */
  shapes?: GivenShapes | undefined;
}

/** A group and how many of its channels there are before and after. */
export interface GroupWidths {
  name: string;
  before: number;
  after: number;
}

/** A model without some of its channels. */
export interface PrunedChannels {
  model: Model;
  groups: GroupWidths[];
  cost: Cost;
  /** What was fitted anew, where that was asked for. */
  fitted: RefitResult | undefined;
}

/** Widths that were chosen, and how. */
export interface ChannelBudget extends Budget {
  /** True where none that this machine computes without waste would do. */
  isUneven: boolean;
}

/** A model, and how much its channels matter, from which it can be pruned to any size. */
export class ChannelPruning {
  private constructor(
    /** The model made ready; what is pruned from it has its names. */
    readonly model: Model,
    /** Its groups of channels. */
    readonly found: ChannelGroups,
    /** What can be made narrower. */
    readonly groups: readonly ChannelGroup[],
    /** Widths of each group, those that are preferred first. */
    private readonly choices: readonly (readonly GroupChoices[])[],
    /** For each group its channels, those that matter least first. */
    private readonly orders: readonly (readonly number[])[],
    private readonly costs: ChannelCosts,
    private readonly choose: typeof chooseWidths,
    /** Groups and layers that stay as they are, and why. */
    readonly left: readonly { name: string; reason: string }[],
  ) {}

  /** Finds the channels of a model that can be removed, and measures how much they matter. */
  static async prepare(original: Model, options: ChannelOptions): Promise<ChannelPruning> {
    const model = await prepareForPruning(original);
    const found = await findChannelGroups(model);
    const left = found.refused.map(({ node, reason }) => ({ name: node.label, reason }));
    const isFiltered = filtered(model);
    const groups = found.groups.filter((group) => {
      const reason = isFiltered(group) ? 'its channels go into filters of a spectrum' : options.keep?.(group);
      if (reason !== undefined) left.push({ name: group.name, reason });
      return reason === undefined;
    });
    const importance = await options.criterion.measure({ ...options, model, found: { ...found, groups } });
    const ranked = groups.filter((group) => {
      if (!importance.has(group)) left.push({ name: group.name, reason: 'nothing tells how much its channels matter' });
      return importance.has(group);
    });
    const { values } = await measureCost(model, { shapes: options.shapes });
    const costs = new ChannelCosts(model, ranked, values);
    const orders = ranked.map((group) => ascending(importance.get(group)!));
    const multipleOf = await channelMultiples(found.facts);
    const multiples = ranked.map((group) => options.multiple ?? multipleOf(group));
    const finer = options.multiple === undefined ? halvings(Math.max(1, ...multiples)) : [1];
    const choices = finer.map((times) =>
      ranked.map((group, k) => choicesOf(group, importance.get(group)!, Math.ceil(multiples[k]! / times), options)),
    );
    const choose = options.uniform ? uniformWidths : chooseWidths;
    return new ChannelPruning(model, found, ranked, choices, orders, costs, choose, left);
  }

  /**
   * Widths that are left at a share of the cost, and whether it is reached. Where that cannot be with multiples of what
   * this machine likes, those of half of it are taken, and so on.
   */
  budget(measure: keyof Cost, share: number): ChannelBudget {
    const [even, ...others] = this.choices;
    let budget = { ...this.choose(this.costs, even!, measure, share), isUneven: false };
    for (const choices of others)
      if (!budget.isReached) budget = { ...this.choose(this.costs, choices, measure, share), isUneven: true };
    return budget;
  }

  /**
   * Removes the channels that matter least, down to some widths.
   * @param options fits the weights that are left, so that the model gives what the whole one gives; absent: they stay.
   */
  async prune({ widths }: Pick<Budget, 'widths'>, options?: RefitOptions): Promise<PrunedChannels> {
    const { groups, found } = this;
    const removed = this.removedAt(widths);
    const whole = options ? await interpolateChannels(this.model, removed, options) : this.model;
    const model = await removeChannels(whole, found, removed);
    const fitted = options
      ? await refit(this.model, model, affectedBy(model, removed), leftIndices(removed), options)
      : undefined;
    return {
      model,
      groups: groups.map(({ name, size }, k) => ({ name, before: size, after: widths[k]! })),
      cost: this.costs.at(widths),
      fitted,
    };
  }

  /** Widths that are nearly the same share of each group, at least, and what they cost as a share of all. */
  atShare(share: number): { widths: number[]; cost: Cost } {
    const widths = widthsOfShare(this.choices[0]!, share);
    return { widths, cost: this.costs.at(widths) };
  }

  /** The channels that are gone at some widths: those that matter least, so that a wider one lacks none more. */
  removedAt(widths: readonly number[]): RemovedChannels {
    const { groups, orders } = this;
    return new Map(groups.map((group, k) => [group, new Set(orders[k]!.slice(0, group.size - widths[k]!))]));
  }
}

/** Tells groups that go into filters of a spectrum, which no weights could be fitted for. */
function filtered(model: Model): (group: ChannelGroup) => boolean {
  const { consumers } = model.graph.index();
  const constants = model.constants();
  return (group) =>
    group.consumers.some(({ node, weight }) => {
      const tensor = constants.get(weight?.value ?? '');
      return tensor !== undefined && isFilterBank(node, tensor, consumers);
    });
}

/** 1, 2, 4 … up to a number. */
function halvings(most: number): number[] {
  return Array.from({ length: 1 + Math.ceil(Math.log2(most)) }, (_, k) => 2 ** k);
}

/** Channels in the order of their numbers, the smallest first. */
function ascending(numbers: Float64Array): number[] {
  return [...numbers.keys()].sort((a, b) => numbers[a]! - numbers[b]!);
}

/** Widths that a group may have at most, so that not every one of thousands is tried. */
const MOST_CHOICES = 64;

function choicesOf(
  { size }: ChannelGroup,
  losses: Float64Array,
  multiple: number,
  { minimum = 1, maxPerGroup = 1, criterion }: ChannelOptions,
): GroupChoices {
  const lost = [0];
  for (const value of [...losses].sort((a, b) => a - b)) lost.push(lost.at(-1)! + value);
  const unit = Math.min(multiple, size);
  const step = unit * Math.ceil(size / unit / MOST_CHOICES);
  const least = Math.max(minimum, size * (1 - maxPerGroup));
  const widths: number[] = [];
  for (let width = step; width < size; width += step) if (width >= least) widths.push(width);
  widths.push(size);
  const whole = criterion.isAbsolute ? 1 : lost.at(-1)! || 1;
  return { widths, losses: widths.map((width) => lost[size - width]! / whole) };
}
