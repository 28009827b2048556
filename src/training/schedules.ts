/** How the learning rate moves over the steps of a run. */
export type ScheduleName = 'constant' | 'cosine' | 'linear' | 'one-cycle' | 'step';

/** A schedule with its settings. */
export interface Schedule {
  name: ScheduleName;
  /** Steps over which the rate rises from 0, before the schedule begins (Goyal et al. 2017). */
  warmupSteps: number;
  totalSteps: number;
}

/** Factor of the learning rate at a share 0…1 of the way. */
const SHAPES: Record<ScheduleName, (share: number) => number> = {
  constant: () => 1,
  /** Loshchilov and Hutter, "SGDR", 2017, without restarts. */
  cosine: (share) => (1 + Math.cos(Math.PI * share)) / 2,
  linear: (share) => 1 - share,
  /** Smith and Topin, "Super-convergence", 2018: up for 30 %, from 1/25 of the rate, then down to almost nothing. */
  'one-cycle': (share) =>
    share < 0.3 ? between(1 / 25, 1, share / 0.3) : between(1, 1 / 250_000, (share - 0.3) / 0.7),
  /** A tenth after each third. */
  step: (share) => 0.1 ** Math.min(2, Math.floor(share * 3)),
};

/** From one value to another along half a cosine. */
const between = (from: number, to: number, share: number) => to + ((from - to) * (1 + Math.cos(Math.PI * share))) / 2;

/** Factor of the learning rate at a step, counted from 0. */
export function learningRateFactor({ name, warmupSteps, totalSteps }: Schedule, step: number): number {
  if (step < warmupSteps) return (step + 1) / (warmupSteps + 1);
  const share = (step - warmupSteps) / Math.max(1, totalSteps - warmupSteps);
  return SHAPES[name](Math.min(1, share));
}
