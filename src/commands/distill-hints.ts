import { firstSamples, type TaskData } from '../data/task.js';
import type { Batch } from '../data/types.js';
import { UserError } from '../errors.js';
import { sharedInputs } from '../evaluate/run-along.js';
import {
  type FitOf,
  keepTeacherValues,
  liveTeacherValues,
  type TeacherProbe,
  type TeacherValues,
} from '../evaluate/teacher-values.js';
import type { RowValue } from '../evaluate/value-rows.js';
import { sumOf } from '../group.js';
import type { Dim } from '../ir/graph.js';
import { floatFromHalf } from '../ir/half.js';
import { elementCount, type NamedValues } from '../ir/types.js';
import { formatBytes } from '../report/format.js';
import { runPool } from '../runtime/pool.js';
import { withLoadable } from '../runtime/source.js';
import { type FedHint, HINTS, type Hint, hintInput, hintProbe } from '../training/hints.js';
import { freezeParameters, normalForm, prepareForTraining } from '../training/prepare.js';
import type { CommandContext } from './context.js';
import type { DistillOptions } from './distill-options.js';
import { cacheFolder, type Teacher, type TeacherScores } from './distill-teachers.js';
import { batchSizeOf } from './finetune-plan.js';
import { checkNames, contrastingBatches, findHints, type Side } from './hint-search.js';
import { evenly, fitOf, maskOf, sharedTokens } from './hint-tokens.js';
import type { TeacherHints } from './training-data.js';
import type { Workbench } from './workbench.js';

/** A student, the first of its teachers, and the samples that it learns from. */
interface Given {
  student: Workbench;
  samples: TaskData;
  teacher: Teacher;
}

/** What of a student and its teacher is compared, before the teacher has run. */
export interface HintPlan extends Pick<TeacherHints, 'terms' | 'named' | 'mask'> {
  samples: TaskData;
  probe: TeacherProbe;
  /** Mean tokens of a text, where values vary with them. */
  meanTokens: number;
  fitOf: FitOf;
}

/**
 * Finds what of a student and its teacher is compared.
 * @returns undefined where nothing is asked for
 * @throws UserError where two values cannot be compared, or models take other tokens
 */
export async function planHints(
  { student, samples, teacher }: Given,
  options: DistillOptions,
): Promise<HintPlan | undefined> {
  const { match } = options;
  if (!match.length) return undefined;
  if (options.pipeline !== undefined)
    throw new UserError('cuts the model apart, and losses of inner values need all of it in one place', {
      file: '--pipeline',
      mend: 'leave out --match, or train copies with --workers',
    });
  const named = (key: 'student' | 'teacher') => match.flatMap((one) => one[key] ?? []);
  checkNames(student.model, student.path, named('student'));
  checkNames(teacher.bench.model, teacher.bench.path, named('teacher'));
  const prepared = await prepareForTraining(student.model, named('student'));
  const sides = [
    sideOf(student, freezeParameters(prepared, () => true).model, samples),
    sideOf(teacher.bench, await normalForm(teacher.bench.model, named('teacher')), await teacher.open(samples.dataset)),
  ] as const;
  const indices = firstSamples(samples);
  const batches = await Promise.all(sides.map((side) => contrastingBatches(side, indices)));
  const inputs = feelsChanges(options) ? commonInputs(batches) : undefined;
  const hints = await findHints(sides[0], sides[1], match, batches);
  const byToken = samples.dataset.kind === 'text' && hints.some(({ kind }) => HINTS[kind].tokenAxes.length);
  const tokens = byToken ? await sharedTokens(sides[0], sides[1], indices) : undefined;
  const mask = tokens && maskOf(batches[0]![0].feeds, tokens);
  const probed = { ...sides[1], model: hintProbe(sides[1].model, hints) };
  const summaries = await summarize(probed, evenly(indices, WEIGHED));
  const terms = hints.map((hint, k) => fedHint(hint, k, summaries, tokens !== undefined));
  const values = terms.map(({ input: name, dims }): RowValue => ({ name, dims }));
  return {
    ...{ terms, named: named('student'), mask, samples, meanTokens: tokens?.mean ?? 0 },
    probe: { ...probed, values, workers: teacher.bench.workers, inputs },
    fitOf: (feeds) => tokens && fitOf(feeds, tokens, mask),
  };
}

const sideOf = ({ path, session }: Workbench, model: Side['model'], data: TaskData): Side => ({
  path,
  session,
  model,
  data,
});

/** True where what the teacher gives of a sample as it is does not fit the changed one that the student takes. */
const feelsChanges = ({ augment, match }: DistillOptions) =>
  augment !== 'none' && match.some(({ kind }) => kind !== 'relations');

/**
 * Which input of a student each of its teacher's is.
 * @throws UserError where they take other numbers, so that the teacher cannot take what was changed for the student
 */
function commonInputs(batches: readonly (readonly [Batch, Batch])[]): ReadonlyMap<string, string> {
  const [own, taught] = batches.map(([{ feeds }]) => feeds) as [NamedValues, NamedValues];
  const shared = sharedInputs(own, taught);
  if (shared) return shared;
  throw new UserError('changes samples for the student, and the teacher, which takes other inputs, cannot see them', {
    file: '--augment',
    mend: 'leave it out, or match relations alone',
  });
}

function fedHint(hint: Hint, k: number, summaries: Summaries, varies: boolean): FedHint {
  const input = hintInput(k);
  const { tokenAxes } = HINTS[hint.kind];
  const { shape, power } = summaries.get(input)!;
  const sizeOf = (size: number, axis: number): Dim => (varies && tokenAxes.includes(axis) ? undefined : size);
  return { ...hint, input, dims: shape.map((size, axis) => (axis ? sizeOf(size, axis) : 'rows')), power };
}

/** Shapes of what a teacher's probe gives, and the mean squares of their numbers. */
type Summaries = ReadonlyMap<string, { shape: readonly number[]; power: number }>;

/** Samples that tell how large the teacher's values are. */
const WEIGHED = 32;

/** Values no larger than this are none. */
const LEAST_POWER = 1e-12;

async function summarize({ model, data, session }: Side, indices: readonly number[]): Promise<Summaries> {
  const found = new Map<string, { shape: readonly number[]; squares: number; count: number }>();
  const options = { workers: 1, session, fixedBatch: data.fixedBatch };
  await withLoadable([model], async (models) => {
    for await (const { outputs } of runPool(models, data.stream(indices), options))
      for (const [name, { dims, data: halves }] of Object.entries(outputs[0]!)) {
        const { squares, count } = found.get(name) ?? { squares: 0, count: 0 };
        const sum = (halves as Uint16Array).reduce((total, bits) => total + floatFromHalf(bits) ** 2, squares);
        found.set(name, { shape: dims, squares: sum, count: count + halves.length });
      }
  });
  const power = (squares: number, count: number) => Math.max(LEAST_POWER, squares / count);
  return new Map(
    [...found].map(([name, { shape, squares, count }]) => [name, { shape, power: power(squares, count) }]),
  );
}

/**
 * Sees to what hints need of the teacher: kept on disk where that takes no more than a limit, or else computed along with
 * training.
 * @param scores of the teacher, which tell it and the data from others.
 * @throws UserError where the teacher's values are no numbers
 */
export async function openHints(
  plan: HintPlan,
  scores: TeacherScores,
  output: string,
  options: DistillOptions,
  context: CommandContext,
): Promise<TeacherHints & { close(): void }> {
  const { terms, named, mask } = plan;
  const key = JSON.stringify([scores.first, terms.map(({ kind, teacher: { name } }) => [kind, name])]);
  const values = await openValues(plan, key, output, options, context);
  for (const { kind, student, teacher, weight } of terms)
    context.note(`matched as ${kind}, weight ${weight}: ${student.name} with the teacher's ${teacher.name}`);
  return { terms, named, mask, key, ...values };
}

async function openValues(
  { probe, meanTokens, fitOf, samples }: HintPlan,
  key: string,
  output: string,
  { teacherCache, teacherCacheLimit, ...options }: DistillOptions,
  { progress, note }: CommandContext,
): Promise<TeacherValues> {
  const sizeOf = (dim: Dim) => (typeof dim === 'number' ? dim : meanTokens);
  const bytes = 2 * sumOf(probe.values, ({ dims }) => elementCount(dims.slice(1).map(sizeOf)));
  const total = bytes * samples.dataset.size;
  const batchBytes = bytes * batchSizeOf(samples, options);
  if (probe.inputs) {
    note('the teacher runs along with training, for its inner values of samples as they are changed');
    return liveTeacherValues(probe, batchBytes, fitOf);
  }
  if (total > teacherCacheLimit) {
    note(
      `the teacher's inner values would take ${formatBytes(total)}, more than --teacher-cache-limit: it runs along ` +
        'with training',
    );
    return liveTeacherValues(probe, batchBytes, fitOf);
  }
  const task = progress.start(`running the teacher ${probe.path} for its inner values`, samples.dataset.size);
  const folder = cacheFolder(output, { teacherCache });
  const kept = await keepTeacherValues(probe, { folder, key, onProgress: (done) => task.advance(done) }, fitOf);
  task.done();
  note(
    kept.reused
      ? `inner values of the teacher are those of an earlier run (${kept.path})`
      : `inner values of the teacher are kept in ${kept.path} (${formatBytes(total)})`,
  );
  return kept;
}
