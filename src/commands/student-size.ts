import { measureCost } from '../analysis/cost.js';
import { UserError } from '../errors.js';
import type { Model } from '../ir/model.js';
import { formatDuration } from '../report/format.js';
import type { StudentSpec } from '../students/build.js';
import {
  largestWithin,
  NAMED_SIZES,
  passed,
  type SizeLimits,
  type StudentSize,
  sizeAt,
  stepOf,
} from '../students/size.js';
import type { DistillOptions } from './distill-options.js';

/** How large a student is to be. */
export interface SizeWanted {
  /** The size to begin with; the largest within the limits where absent. */
  scale: number | undefined;
  limits: SizeLimits;
}

/**
 * What options say of the size of a student: a name, or limits. Without either it is a small one. A limit on the file
 * counts too, unless a size is named.
 * @throws UserError where they name a size and limits
 */
export async function sizeWanted(
  named: keyof typeof NAMED_SIZES | undefined,
  teacher: Model,
  { student, parameters, macs, maxSize }: Pick<DistillOptions, 'student' | 'parameters' | 'macs' | 'maxSize'>,
): Promise<SizeWanted> {
  const isOpen = parameters === undefined && macs === undefined;
  if (isOpen) return { scale: NAMED_SIZES[named ?? 'small'], limits: named ? {} : { bytes: maxSize } };
  if (named)
    throw new UserError(`says the size, as does ${parameters === undefined ? '--macs' : '--parameters'}`, {
      file: `--student ${student}`,
      mend: `leave one out: --student ${student!.split(':')[0]}`,
    });
  return { scale: undefined, limits: { ...(await asNumbers(teacher, { parameters, macs })), bytes: maxSize } };
}

/** Limits as numbers, where some are shares of what the teacher has. */
async function asNumbers(teacher: Model, limits: SizeLimits): Promise<SizeLimits> {
  const { parameters, macs } = limits;
  if ([parameters, macs].every((limit) => limit === undefined || limit > 1)) return limits;
  const cost = await measureCost(teacher);
  const absolute = (limit: number | undefined, whole: number) =>
    limit !== undefined && limit <= 1 ? limit * whole : limit;
  return { parameters: absolute(parameters, cost.parameters), macs: absolute(macs, cost.macs) };
}

/** The size that is wanted, or the largest below it within the limits. @throws UserError where none is small enough */
export async function sizeOf(spec: StudentSpec, { scale, limits }: SizeWanted): Promise<StudentSize> {
  if (scale === undefined) return largestWithin(spec, limits);
  const size = await sizeAt(spec, scale);
  return passed(size, limits) === undefined ? size : largestWithin(spec, limits);
}

/**
 * Makes a student narrower until it is fast enough.
 * @param measure milliseconds that a size takes.
 * @throws UserError where even the narrowest is too slow
 */
export async function fastEnough(
  spec: StudentSpec,
  begin: StudentSize,
  limit: number,
  measure: (size: StudentSize) => Promise<number>,
): Promise<StudentSize> {
  const step = stepOf(spec.template);
  for (let size = begin; ; ) {
    const taken = await measure(size);
    if (taken <= limit) return size;
    const blocks = Math.floor((size.scale / step) * Math.min(limit / taken, 0.99) + 1e-9);
    if (Math.round(size.scale / step) <= 1)
      throw new UserError(`a ${spec.template.name} for this task takes at least ${formatDuration(taken)}`, {
        file: '--max-latency',
        mend: 'allow more, or name another template',
      });
    size = await sizeAt(spec, Math.max(1, blocks) * step);
  }
}
