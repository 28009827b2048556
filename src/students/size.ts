import { measureCost } from '../analysis/cost.js';
import { UserError } from '../errors.js';
import { encodeModel } from '../onnx/write.js';
import { foldBatchNorm } from '../passes/cleanup/fold-batch-norm.js';
import { removeDeadNodes } from '../passes/cleanup/remove-dead-nodes.js';
import { runPasses } from '../passes/pass.js';
import { buildStudent, type StudentSpec, widthsAt } from './build.js';
import type { StudentTemplate } from './template.js';

/** Named sizes, as scales of a template's widths. */
export const NAMED_SIZES = { small: 0.5, base: 1 } as const;

/** What a student costs, once its batch normalizations are folded. */
export interface StudentCost {
  parameters: number;
  /** Multiply-accumulates for one sample. */
  macs: number;
  /** Of its file. */
  bytes: number;
}

/** What a student may cost at most. */
export type SizeLimits = { [key in keyof StudentCost]?: number | undefined };

/** A size of a student, and what that costs. */
export interface StudentSize extends StudentCost {
  scale: number;
  widths: number[];
}

/** What a student costs at a scale. */
export async function sizeAt(spec: StudentSpec, scale: number): Promise<StudentSize> {
  const model = buildStudent(spec, scale);
  await runPasses(model, [foldBatchNorm, removeDeadNodes]);
  const { parameters, macs } = await measureCost(model);
  return { scale, widths: widthsAt(spec.template, scale), parameters, macs, bytes: encodeModel(model).length };
}

/** How much the scale grows where the widest part of a template gets one more block. */
export const stepOf = ({ block, widths }: StudentTemplate): number => block / Math.max(...widths);

/**
 * The largest size within limits: with one more block in the widest part, at least one would be passed.
 * @throws UserError where the smallest size passes one, naming what it costs
 */
export async function largestWithin(spec: StudentSpec, limits: SizeLimits): Promise<StudentSize> {
  const { template } = spec;
  const step = stepOf(template);
  const known = new Map<number, StudentSize>();
  const size = async (blocks: number): Promise<StudentSize> => {
    const found = known.get(blocks) ?? (await sizeAt(spec, blocks * step));
    known.set(blocks, found);
    return found;
  };
  const fits = async (blocks: number) => passed(await size(blocks), limits) === undefined;
  const smallest = await size(1);
  const limit = passed(smallest, limits);
  if (limit) throw tooSmall(template.name, limit, smallest);
  let [low, high] = [1, 2];
  while (await fits(high)) [low, high] = [high, 2 * high];
  while (high - low > 1) {
    const middle = (low + high) >> 1;
    if (await fits(middle)) low = middle;
    else high = middle;
  }
  return size(low);
}

/** What limits are called where they are given, and what they count. */
const LIMITS: Readonly<Record<keyof StudentCost, readonly [option: string, what: string]>> = {
  parameters: ['--parameters', 'parameters'],
  macs: ['--macs', 'multiply-accumulates'],
  bytes: ['--max-size', 'bytes'],
};

/** The first limit that a size passes. */
export function passed(size: StudentCost, limits: SizeLimits): keyof StudentCost | undefined {
  const keys = Object.keys(LIMITS) as (keyof StudentCost)[];
  return keys.find((key) => size[key] > (limits[key] ?? Number.POSITIVE_INFINITY));
}

function tooSmall(name: string, limit: keyof StudentCost, size: StudentCost): UserError {
  const [option, what] = LIMITS[limit];
  const least = size[limit].toLocaleString('en');
  return new UserError(`a ${name} for this task has at least ${least} ${what}`, {
    file: option,
    mend: 'allow as many, or name another template',
  });
}
