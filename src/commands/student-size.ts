import { measureCost } from '../analysis/cost.js';
import { UserError } from '../errors.js';
import type { Model } from '../ir/model.js';
import { formatBytes, formatDuration, formatFixed } from '../report/format.js';
import type { StudentSpec } from '../students/build.js';
import {
  largestWithin,
  NAMED_SIZES,
  passed,
  type SizeLimits,
  type StudentCost,
  type StudentSize,
  sizeAt,
  stepOf,
} from '../students/size.js';
import { AUTO, type DistillOptions, parseStudent } from './distill-options.js';
import { modelBytes } from './reporting.js';
import type { Workbench } from './workbench.js';

/** How large a student is to be. */
export interface SizeWanted {
  /** The size to begin with; the largest within the limits where absent. */
  scale: number | undefined;
  limits: SizeLimits;
  /** What its teacher has, where it is to be smaller than that. */
  teacher?: TeacherSize | undefined;
}

type TeacherSize = Pick<StudentCost, 'parameters' | 'bytes'>;

/**
 * What options say of the size of a student: a name, or limits. Without either it is a small one. A limit on the file
 * counts too, unless a size is named. One that is to be found is smaller than its teacher.
 * @throws UserError where they name a size and limits
 */
export async function sizeWanted(
  named: keyof typeof NAMED_SIZES | undefined,
  { path, model }: Pick<Workbench, 'path' | 'model'>,
  { student, parameters, macs, maxSize }: Pick<DistillOptions, 'student' | 'parameters' | 'macs' | 'maxSize'>,
): Promise<SizeWanted> {
  const isOpen = parameters === undefined && macs === undefined;
  const isFound = parseStudent(student!)!.template === AUTO;
  const teacher = isFound
    ? { parameters: (await measureCost(model)).parameters, bytes: await modelBytes(path, model) }
    : undefined;
  if (isOpen) return { scale: NAMED_SIZES[named ?? 'small'], limits: named ? {} : { bytes: maxSize }, teacher };
  if (named)
    throw new UserError(`says the size, as does ${parameters === undefined ? '--macs' : '--parameters'}`, {
      file: `--student ${student}`,
      mend: `leave one out: --student ${student!.split(':')[0]}`,
    });
  return { scale: undefined, limits: { ...(await asNumbers(model, { parameters, macs })), bytes: maxSize }, teacher };
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
export async function sizeOf(spec: StudentSpec, { scale, limits: given, teacher }: SizeWanted): Promise<StudentSize> {
  const limits = teacher ? await belowTeacher(spec, given, teacher) : given;
  if (scale === undefined) return largestWithin(spec, limits);
  const size = await sizeAt(spec, scale);
  return passed(size, limits) === undefined ? size : largestWithin(spec, limits);
}

/** Limits that leave a student smaller than its teacher. @throws UserError where even the smallest is not */
async function belowTeacher(spec: StudentSpec, limits: SizeLimits, teacher: TeacherSize): Promise<SizeLimits> {
  const { template } = spec;
  const below = { parameters: teacher.parameters - 1, bytes: teacher.bytes - 1 };
  const smallest = await sizeAt(spec, stepOf(template));
  if (passed(smallest, below) !== undefined)
    throw new UserError(
      `a ${template.name} for this task has at least ${sizeText(smallest)}, its teacher ${sizeText(teacher)}`,
      { file: '--student auto', mend: 'prune or quantize the teacher instead' },
    );
  const { parameters = below.parameters, bytes = below.bytes } = limits;
  return { ...limits, parameters: Math.min(parameters, below.parameters), bytes: Math.min(bytes, below.bytes) };
}

const sizeText = ({ parameters, bytes }: TeacherSize) =>
  `${formatFixed(parameters)} parameters in ${formatBytes(bytes)}`;

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
