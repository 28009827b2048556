import type { Plan } from './plan.js';

/** A plan that was tried, with what its model scored. */
export interface Attempt<T> {
  plan: Plan;
  outcome: T;
  /** Nodes that were put back to float. */
  floats: number;
}

/**
 * Puts the most harmful nodes back to float until a gate holds, in about log₂ n tries: harm grows with the nodes left in
 * integers, so the smallest number that does is found by bisection along the ranking.
 * @param plan the plan whose model does not pass.
 * @param ranking keys of its treated nodes, the most harmful first.
 * @param evaluate builds and scores a plan's model.
 * @param passes tells whether an outcome passes; `better` whether one is to be preferred where none passes.
 * @returns the passing attempt with the fewest nodes in float, or the best one seen.
 */
export async function searchGate<T>(
  plan: Plan,
  ranking: readonly string[],
  evaluate: (plan: Plan) => Promise<T>,
  passes: (outcome: T) => boolean,
  better: (a: T, b: T) => boolean,
): Promise<Attempt<T> | undefined> {
  let best: Attempt<T> | undefined;
  let passing: Attempt<T> | undefined;
  let [low, high] = [1, ranking.length - 1];
  while (low <= high) {
    const floats = Math.floor((low + high) / 2);
    const tried = new Map(plan);
    for (const key of ranking.slice(0, floats)) tried.set(key, 'float');
    const attempt = { plan: tried, outcome: await evaluate(tried), floats };
    if (!best || better(attempt.outcome, best.outcome)) best = attempt;
    if (passes(attempt.outcome)) {
      passing = attempt;
      high = floats - 1;
    } else low = floats + 1;
  }
  return passing ?? best;
}
