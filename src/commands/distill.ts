import { rmSync } from 'node:fs';
import type { TaskData } from '../data/task.js';
import { UserError } from '../errors.js';
import { checkOutput } from '../files.js';
import type { Model } from '../ir/model.js';
import type { Report } from '../report/schema.js';
import type { CommandContext } from './context.js';
import { type DistillationData, distillationData, labelledOf, openSamples, withClassNames } from './distill-data.js';
import { openHints, planHints } from './distill-hints.js';
import { checkpointsOf, learn } from './distill-learn.js';
import { type DistillOptions, distillOptions } from './distill-options.js';
import { distillationReport, helpWarnings, otherStudent } from './distill-report.js';
import { openTeachers, orderOf, scoresOf, type Teacher } from './distill-teachers.js';
import { openViews } from './distill-views.js';
import { finish } from './finish.js';
import { openGates } from './gating.js';
import { besideWhich } from './model-pair.js';
import { marked, resolveModelPath } from './model-path.js';
import { newStudent, withoutNorms } from './new-student.js';
import { checkReportPaths } from './reports.js';
import { writeStudentFiles } from './student-files.js';
import { overlapWarnings } from './training-data.js';
import { checkCheckpoints, trainingReport, trainingWarnings } from './training-run.js';
import { openWorkbench, type Workbench } from './workbench.js';
import { type Contender, judgeResult } from './write-and-judge.js';

export { distillOptions as options };

/** Trains a student with a teacher and shows what the teacher gave. */
export async function run(path: string | undefined, options: DistillOptions, context: CommandContext): Promise<number> {
  return finish(await distill(path, options, context), options, context);
}

/** Trains a student on what teachers say of samples, and reports how it compares with them and with itself untaught. */
export async function distill(
  given: string | undefined,
  options: DistillOptions,
  context: CommandContext,
): Promise<Report> {
  const startedAt = new Date();
  checkStudent(given, options);
  const path = given === undefined ? undefined : resolveModelPath(given);
  checkReportPaths(options);
  const output = options.output ?? marked(path ?? resolveModelPath(options.teacher[0]!), '.distilled');
  checkOutput(output, options.force);
  const checkpoints = checkpointsOf(output);
  checkCheckpoints(Object.values(checkpoints), options);
  const teachers = await openTeachers(path, options, context);
  const dataset = await openSamples(options);
  const [teacher] = teachers;
  const fresh =
    path === undefined ? await newStudent(teacher!, await teacher!.open(dataset), output, options, context) : undefined;
  const student = fresh?.bench ?? (await openStudent(path!, teachers, options, context));
  const samples = await student.open(dataset);
  const test = options.data === undefined ? undefined : await student.open(options.data);
  const gates = await openGates(options, test);
  const contenders = await teacherContenders(teachers, samples, test, options);
  const plan = await planHints({ student, samples, teacher: teacher! }, options);
  const views = await openViews(teachers, samples, options, context);
  const scores = await scoresOf(teachers, samples, output, options, context);
  let hints: Awaited<ReturnType<typeof openHints>> | undefined;
  try {
    const data = await distillationData(student, samples, scores, options);
    noteData(data, options, context);
    hints = plan && (await openHints(plan, scores, output, options, context));
    const learning = await learn(student, { ...data, hints, views }, checkpoints, options, context);
    const trained = learning[learning.written]!;
    const ready = async (model: Model) => (fresh ? withoutNorms(model) : model);
    const readied = async (contender: Contender) => ({ ...contender, model: await ready(contender.model) });
    const judgement = await judgeResult(
      {
        command: 'distill',
        bench: student,
        isNew: fresh !== undefined,
        sameTask: true,
        model: await ready(trained.model),
        output,
        test,
        inputs: samples,
        gates,
        startedAt,
        contenders: [...contenders, ...(await Promise.all(otherStudent(student.path, learning).map(readied)))],
        gatedAgainst: contenders[0]!.role,
      },
      options,
      context,
    );
    await writeStudentFiles(fresh?.files ?? []);
    for (const { path } of fresh?.files ?? []) context.note(`written beside the student: ${path}`);
    for (const checkpoint of Object.values(checkpoints)) rmSync(checkpoint, { force: true });
    const { report } = judgement;
    const distillation = distillationReport(judgement, learning, { ...data, hints }, options);
    return {
      ...report,
      training: trainingReport(trained),
      distillation: { ...distillation, ...(fresh && { student: fresh.description }) },
      warnings: [
        ...(await overlapWarnings(data, test)),
        ...trainingWarnings(trained, test),
        ...helpWarnings(judgement, distillation),
        ...report.warnings,
      ],
    };
  } finally {
    hints?.close();
    scores.close();
  }
}

/** @throws UserError where no student is named, or two */
function checkStudent(path: string | undefined, { student, parameters, macs }: DistillOptions): void {
  if (path !== undefined && student !== undefined)
    throw new UserError('the student is given as a file, too', {
      file: `--student ${student}`,
      mend: `leave one out: ${path} is trained, or a new one is built`,
    });
  const size = parameters === undefined ? (macs === undefined ? undefined : '--macs') : '--parameters';
  if (path !== undefined && size)
    throw new UserError('is about a new student, and one is given as a file', { file: size, mend: 'leave it out' });
  if (path === undefined && student === undefined)
    throw new UserError('no student is named', {
      mend: 'give an ONNX file, or have one built: --student cnn:small',
    });
}

async function openStudent(
  path: string,
  teachers: readonly Teacher[],
  options: DistillOptions,
  context: CommandContext,
): Promise<Workbench> {
  const opened = await openWorkbench(path, options, context);
  const beside = await besideWhich(path, teachers[0]!.bench.path);
  const student = await withClassNames(opened, beside, teachers, options);
  return { ...student, open: (data) => student.open(data, beside) };
}

async function teacherContenders(
  teachers: readonly Teacher[],
  samples: TaskData,
  test: TaskData | undefined,
  options: DistillOptions,
): Promise<Contender[]> {
  return Promise.all(
    teachers.map(async (teacher, k) => {
      const own = options.data === undefined ? undefined : await teacher.open(options.data);
      const inputs = await teacher.open(samples.dataset);
      const classOrder = orderOf(test ?? samples, own ?? inputs, teacher);
      const { bench } = teacher;
      const role = k ? `teacher-${k + 1}` : 'teacher';
      return { role, path: bench.path, model: bench.model, own: { bench, test: own, inputs, classOrder } };
    }),
  );
}

function noteData(data: DistillationData, options: DistillOptions, context: CommandContext): void {
  const { note, indices } = data;
  const unlabelled = indices.length - labelledOf(data).length;
  if (note) context.note(note);
  if (unlabelled)
    context.note(`${unlabelled} of ${indices.length} training samples have no label: the teacher speaks for them`);
  if (options.augment !== 'none' && !options.teacherViews)
    context.note('where samples are changed at random, the teacher says what it says of the unchanged ones');
}
