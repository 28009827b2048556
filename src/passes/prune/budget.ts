import type { Cost } from './channel-costs.js';

/** What a model costs at widths of its groups: all of it, and the layers around one group. */
export interface WidthCosts {
  at(widths: readonly number[]): Cost;
  around(group: number, widths: readonly number[]): Cost;
}

/** How wide a group may be, and what it loses at each width. */
export interface GroupChoices {
  /** Widths to choose from, the smallest first; the last one is that of now. */
  widths: readonly number[];
  /** What is lost at each of these. */
  losses: readonly number[];
}

/** Widths that were chosen. */
export interface Budget {
  widths: number[];
  /** What is left of the cost. */
  share: number;
  /** What is lost in all groups together. */
  loss: number;
  /** False where even the smallest widths cost more than was allowed; they are given then. */
  isReached: boolean;
}

/** Halvings of the range in which the price of cost is searched. */
const HALVINGS = 40;
/** Rounds over all groups after which widths have settled. */
const ROUNDS = 20;

/**
 * Chooses the widths with which the least is lost at a share of the cost: a knapsack in which each group takes one of its
 * widths. Costs of layers are products of widths, so groups choose in turns until none would choose otherwise, at a price
 * of cost that is found by bisection (Everett 1963, "Generalized Lagrange Multiplier Method"). What is left of the
 * allowance then goes to the width that gains most for it.
 * @param share of the present cost that may be left, 0…1.
 */
export function chooseWidths(
  costs: WidthCosts,
  groups: readonly GroupChoices[],
  measure: keyof Cost,
  share: number,
): Budget {
  const search = new WidthSearch(costs, groups, measure);
  const allowed = share * search.cost(search.largest);
  const result = (places: readonly number[]) => search.result(places, allowed);
  if (search.cost(search.smallest) > allowed) return result(search.smallest);
  let [low, high] = search.priceRange();
  let fitting = search.smallest;
  let closest = search.largest;
  for (let k = 0; k < HALVINGS; k++) {
    const price = Math.sqrt(low * high);
    const places = search.settle(price, closest);
    if (search.cost(places) <= allowed) [high, fitting] = [price, places];
    else [low, closest] = [price, places];
  }
  const candidates = [search.fill(fitting, allowed), search.fill(search.shrink(closest, allowed), allowed)];
  return candidates.map(result).reduce((best, other) => (other.loss < best.loss ? other : best));
}

/**
 * Chooses widths that are the same share of each group, as nearly as there are some: the largest at which a share of the
 * cost is left.
 */
export function uniformWidths(
  costs: WidthCosts,
  groups: readonly GroupChoices[],
  measure: keyof Cost,
  share: number,
): Budget {
  const search = new WidthSearch(costs, groups, measure);
  const allowed = share * search.cost(search.largest);
  const placesAt = (left: number) => placesOfShare(groups, left);
  let [low, high] = [0, 1];
  for (let k = 0; k < HALVINGS; k++) {
    const middle = (low + high) / 2;
    if (search.cost(placesAt(middle)) <= allowed) low = middle;
    else high = middle;
  }
  return search.result(search.cost(search.largest) <= allowed ? search.largest : placesAt(low), allowed);
}

/** The place of the narrowest width of each group that is at least a share of it. */
function placesOfShare(groups: readonly GroupChoices[], share: number): number[] {
  return groups.map(({ widths }) => widths.findIndex((width) => width >= share * widths.at(-1)!));
}

/** The narrowest width of each group that is at least a share of it. */
export function widthsOfShare(groups: readonly GroupChoices[], share: number): number[] {
  return placesOfShare(groups, share).map((place, k) => groups[k]!.widths[place]!);
}

/** Choices are places in the lists of widths. */
class WidthSearch {
  readonly smallest: readonly number[];
  readonly largest: readonly number[];

  constructor(
    private readonly costs: WidthCosts,
    private readonly groups: readonly GroupChoices[],
    private readonly measure: keyof Cost,
  ) {
    this.smallest = groups.map(() => 0);
    this.largest = groups.map(({ widths }) => widths.length - 1);
  }

  widths(places: readonly number[]): number[] {
    return places.map((place, k) => this.groups[k]!.widths[place]!);
  }

  cost(places: readonly number[]): number {
    return this.costs.at(this.widths(places))[this.measure];
  }

  result(places: readonly number[], allowed: number): Budget {
    const [cost, whole] = [this.cost(places), this.cost(this.largest)];
    return {
      widths: this.widths(places),
      share: whole ? cost / whole : 1,
      loss: this.loss(places),
      isReached: cost <= allowed,
    };
  }

  loss(places: readonly number[]): number {
    return places.reduce((sum, place, k) => sum + this.groups[k]!.losses[place]!, 0);
  }

  /** Prices of cost so low that nothing goes, and so high that everything does. */
  priceRange(): [low: number, high: number] {
    const losses = this.groups.flatMap(({ losses }) => losses.filter((loss) => loss > 0));
    const cost = this.cost(this.largest) || 1;
    return [Math.min(1, ...losses) / cost / 1e6, (Math.max(1, ...losses) / cost) * 1e6];
  }

  /** The best widths at a price. */
  settle(price: number, from: readonly number[]): number[] {
    const places = [...from];
    for (let round = 0, moved = true; moved && round < ROUNDS; round++) {
      moved = false;
      for (const [k, { losses }] of this.groups.entries()) {
        const before = places[k]!;
        const widths = this.widths(places);
        const worth = losses.map((loss, place) => {
          widths[k] = this.groups[k]!.widths[place]!;
          return loss + price * this.costs.around(k, widths)[this.measure];
        });
        places[k] = worth.reduce((best, value, place) => (value < worth[best]! ? place : best), before);
        moved ||= places[k] !== before;
      }
    }
    return places;
  }

  /** Widens groups while that fits, the one first that gains most for its cost. */
  fill(from: readonly number[], allowed: number): readonly number[] {
    return this.step(from, (places, k) => {
      const cost = this.cost(places);
      const wider = places.with(k, places[k]! + 1);
      if (places[k] === this.largest[k] || this.cost(wider) > allowed) return undefined;
      const gain = this.loss(places) - this.loss(wider);
      return [wider, gain / Math.max(this.cost(wider) - cost, Number.MIN_VALUE)];
    });
  }

  /** Narrows groups until the cost is allowed, the one first that loses least for it. */
  shrink(from: readonly number[], allowed: number): readonly number[] {
    return this.step(from, (places, k) => {
      const cost = this.cost(places);
      if (places[k] === 0 || cost <= allowed) return undefined;
      const narrower = places.with(k, places[k]! - 1);
      const saved = cost - this.cost(narrower);
      return saved > 0 ? [narrower, (this.loss(places) - this.loss(narrower)) / saved] : undefined;
    });
  }

  /** Takes the best step of any group until there is none. */
  private step(
    from: readonly number[],
    stepOf: (places: readonly number[], group: number) => [places: readonly number[], worth: number] | undefined,
  ): readonly number[] {
    for (let places = from; ; ) {
      const steps = this.groups.flatMap((_, k) => {
        const step = stepOf(places, k);
        return step ? [step] : [];
      });
      if (!steps.length) return places;
      places = steps.reduce((best, other) => (other[1] > best[1] ? other : best))[0];
    }
  }
}
