import { formatFactor } from '../report/format.js';
import type { Comparison, Interval, ModelReport } from '../report/schema.js';
import { baseOf } from '../report/summary.js';

/** How fast a model is beside another one that it was to be cheaper than. */
export interface Speed {
  /** The latency of the other one over that of the model. */
  speedup: Interval | undefined;
  /** The multiply-accumulates of the other one over those of the model, where both are known. */
  macsRatio: number | undefined;
  /** What the other one is called. */
  than: string;
  /** What the model is called; what a command wrote where absent. */
  subject?: string;
  /** Why it is slow, if it is. */
  cause?: string;
}

/** A speed that differs by less is the same: two measurements of one model may. */
const NOISE = 0.05;
/** From here on a model has fewer multiply-accumulates. */
const FEWER = 1.05;

/** Says so where a model is slower than another one, or has fewer multiply-accumulates and is not surely faster. */
export function speedWarnings({ speedup, macsRatio = 1, than, subject = '', cause }: Speed): string[] {
  if (!speedup) return [];
  const hasFewer = macsRatio >= FEWER;
  const isSlower = speedup.high < 1 && (hasFewer || speedup.value < 1 - NOISE);
  if (!isSlower && !(hasFewer && speedup.low <= 1)) return [];
  const found = `${subject && `${subject} is `}${isSlower ? 'slower' : 'no faster beyond chance'} than ${than}`;
  const times = `(${speedup.value.toFixed(2)} times its speed)`;
  const fewer = hasFewer ? ` with ${formatFactor(macsRatio)} fewer multiply-accumulates` : '';
  const why = cause ?? (hasFewer ? 'here something else takes the time' : '');
  return [`${found} ${times}${fewer}${why && `: ${why}`}`];
}

/** The same of what a command wrote, beside what its report compares it with. */
export function resultSpeedWarnings(
  models: readonly ModelReport[],
  comparison: Comparison | undefined,
  cause?: string,
): string[] {
  const [base, result] = [baseOf(models), models.find(({ role }) => role === 'compressed')];
  if (!base || !result) return [];
  return speedWarnings({ ...comparedOf(base, result, comparison), than: `the ${base.role}`, ...(cause && { cause }) });
}

/** How two models of a report compare in time and multiply-accumulates. */
export const comparedOf = (
  before: Pick<ModelReport, 'macs'>,
  after: Pick<ModelReport, 'macs'>,
  comparison: Comparison | undefined,
): Pick<Speed, 'speedup' | 'macsRatio'> => ({
  speedup: comparison?.speedup,
  macsRatio: before.macs && after.macs ? before.macs / after.macs : undefined,
});
