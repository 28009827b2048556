import { bestPolicy, type ExitTable, type Goal, type Policy } from './thresholds.js';

/** Exits that stay, and what is best with them. */
export interface ExitChoice {
  /** Their places among all. The last exit always stays. */
  kept: number[];
  table: ExitTable;
  policy: Policy;
}

/** What an exit has to save, as a share of the original's cost, or to gain in accuracy. */
const LEAST = { cost: 0.002, accuracy: 0.0002 };

/** Leaves out exits one by one, as long as what is wanted is reached as well without them. */
export function worthwhileExits(all: ExitTable, goal: Goal): ExitChoice {
  const start = { kept: [...all.costs.keys()], table: all };
  let best: ExitChoice = { ...start, policy: bestPolicy(all, goal) };
  for (;;) {
    const { kept, table } = best;
    const fewer = kept.slice(0, -1).map((_, place): ExitChoice => {
      const smaller = withoutExit(table, place);
      return { kept: kept.toSpliced(place, 1), table: smaller, policy: bestPolicy(smaller, goal) };
    });
    const [first] = fewer.sort(
      (a, b) => lossOf(a.policy, best.policy, goal) - lossOf(b.policy, best.policy, goal) || 0,
    );
    if (!first || lossOf(first.policy, best.policy, goal) > ('maxDrop' in goal ? LEAST.cost : LEAST.accuracy))
      return best;
    best = first;
  }
}

/** How much worse a policy is than another one, by what is wanted; one that costs too much is never better. */
function lossOf(a: Policy, b: Policy, goal: Goal): number {
  if ('maxDrop' in goal) return a.cost - b.cost;
  return a.cost > Math.max(goal.maxCost, b.cost) ? Number.POSITIVE_INFINITY : b.accuracy - a.accuracy;
}

/** The table without an exit; what that alone needs is saved by all that pass it. */
export function withoutExit({ unsure, wrong, costs, own, ...table }: ExitTable, exit: number): ExitTable {
  const without = <T>(list: readonly T[]) => list.toSpliced(exit, 1);
  return {
    ...table,
    unsure: without(unsure),
    wrong: without(wrong),
    costs: without(costs.map((cost, k) => (k > exit ? cost - (own?.[exit] ?? 0) : cost))),
    own: own && without(own),
  };
}
