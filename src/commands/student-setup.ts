import type { Dataset } from '../data/types.js';
import { UserError } from '../errors.js';
import type { Model } from '../ir/model.js';
import { checkHasNoExits } from './adaptive-file.js';
import type { CommandContext } from './context.js';
import { withClassNames } from './distill-data.js';
import { AUTO, type DistillOptions, parseStudent } from './distill-options.js';
import type { Teacher } from './distill-teachers.js';
import { besideWhich } from './model-pair.js';
import { type NewStudents, newStudents, withoutNorms } from './new-student.js';
import { shrunkTeacher } from './shrunk-student.js';
import { openWorkbench, type Workbench } from './workbench.js';

/** The student to train, or those of which it will be one. */
export interface StudentSetup {
  /** The student that is given, or the first of those that were built; all take the same inputs. */
  first: Workbench;
  /** Those that were built; undefined where one is given. */
  fresh: NewStudents | undefined;
  /** False where the student is still to be chosen. */
  isKnown: boolean;
  /** A trained model as it is written. */
  ready(model: Model): Promise<Model>;
}

/** Opens the student that is given, or builds those that options ask for. */
export async function openStudents(
  path: string | undefined,
  teachers: readonly Teacher[],
  samples: Dataset,
  output: string,
  options: DistillOptions,
  context: CommandContext,
): Promise<StudentSetup> {
  if (path !== undefined) {
    const first = await openStudent(path, teachers, options, context);
    return { first, fresh: undefined, isKnown: true, ready: async (model) => model };
  }
  const [teacher] = teachers;
  const data = await teacher!.open(samples);
  const fresh = await (options.shrink === undefined
    ? newStudents(teacher!, data, output, options)
    : shrunkTeacher(teacher!, data, output, options, context));
  return { first: fresh.students[0]!.bench, fresh, isKnown: fresh.students.length === 1, ready: withoutNorms };
}

async function openStudent(
  path: string,
  teachers: readonly Teacher[],
  options: DistillOptions,
  context: CommandContext,
): Promise<Workbench> {
  const opened = await openWorkbench(path, options, context);
  checkHasNoExits(opened, 'distill');
  const beside = await besideWhich(path, teachers[0]!.bench.path);
  const student = await withClassNames(opened, beside, teachers, options);
  return { ...student, open: (data) => student.open(data, beside) };
}

/** @throws UserError where no student is named, two are, or what is asked of one cannot be done */
export function checkStudent(
  path: string | undefined,
  { student, shrink, parameters, macs, maxLatency }: DistillOptions,
  { world }: CommandContext,
): void {
  const built = [
    ...(student === undefined ? [] : [`--student ${student}`]),
    ...(shrink === undefined ? [] : [`--shrink ${shrink}`]),
  ];
  const [first, second] = [...built, ...(path === undefined ? [] : [path])];
  if (first === undefined)
    throw new UserError('no student is named', {
      mend: 'give an ONNX file, have one built: --student cnn:small, or shrink the teacher: --shrink 0.5',
    });
  if (second !== undefined)
    throw new UserError(`the student is given as ${second}, too`, { file: first, mend: 'leave one out' });
  const size = parameters === undefined ? (macs === undefined ? undefined : '--macs') : '--parameters';
  if (student === undefined && size)
    throw new UserError('is about a student that is built', { file: size, mend: 'leave it out, or name a --student' });
  const isAuto = student !== undefined && parseStudent(student)!.template === AUTO;
  if (isAuto && maxLatency !== undefined && world.size > 1)
    throw new UserError('each process would find students of another width', {
      file: '--max-latency',
      mend: 'name a student, or start one process',
    });
}
