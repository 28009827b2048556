import { rmSync } from 'node:fs';
import type { TaskData } from '../data/task.js';
import { checkOutput, lastingFolder } from '../files.js';
import type { Report } from '../report/schema.js';
import type { CommandContext } from './context.js';
import { type DistillationData, distillationData, labelledOf, openSamples } from './distill-data.js';
import { openHints, planHints } from './distill-hints.js';
import { checkpointsOf, learn } from './distill-learn.js';
import { type DistillOptions, distillOptions } from './distill-options.js';
import { distillationReport, helpWarnings, otherStudent, teacherSpeedWarnings } from './distill-report.js';
import { cacheFolder, openTeachers, orderOf, scoresOf, type Teacher } from './distill-teachers.js';
import { openViews } from './distill-views.js';
import { finish } from './finish.js';
import { openGates } from './gating.js';
import { marked, resolveModelPath } from './model-path.js';
import { checkReportPaths } from './reports.js';
import { choiceReport, studentOf } from './student-choice.js';
import { writeStudentFiles } from './student-files.js';
import { checkStudent, openStudents } from './student-setup.js';
import { checkTraining } from './training-checks.js';
import { openValidation, overlapWarnings } from './training-data.js';
import { checkCheckpoints, trainingReport, trainingWarnings } from './training-run.js';
import type { Workbench } from './workbench.js';
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
  checkStudent(given, options, context);
  const path = given === undefined ? undefined : resolveModelPath(given);
  checkReportPaths(options);
  const output = options.output ?? marked(path ?? resolveModelPath(options.teacher[0]!), '.distilled');
  checkOutput(output, options.force);
  const checkpoints = checkpointsOf(output);
  checkCheckpoints(Object.values(checkpoints), options);
  const teachers = await openTeachers(path, options, context);
  const dataset = await openSamples(options);
  const { first, fresh, isKnown, ready } = await openStudents(path, teachers, dataset, output, options, context);
  const samples = await first.open(dataset);
  const test = options.data === undefined ? undefined : await first.open(options.data);
  const gates = await openGates(options, test);
  const contenders = await teacherContenders(teachers, samples, test, options);
  const planFor = (student: Workbench) => planHints({ student, samples, teacher: teachers[0]! }, options);
  const early = isKnown ? await planFor(first) : undefined;
  const views = await openViews(teachers, samples, options, context);
  const validation = await openValidation(first, options);
  await checkTraining(first, samples, validation, options);
  const scores = await scoresOf(teachers, samples, lastingFolder(cacheFolder(output, options)), context);
  let hints: Awaited<ReturnType<typeof openHints>> | undefined;
  try {
    const data = distillationData(samples, validation, scores, options);
    noteData(data, options, context);
    const choice = fresh && (await studentOf(fresh, { ...data, views }, checkpoints.students, options, context));
    const student = choice?.chosen.bench ?? first;
    const plan = isKnown ? early : await planFor(student);
    hints = plan && (await openHints(plan, scores, output, options, context));
    const learning = await learn(student, { ...data, hints, views }, checkpoints, options, context);
    const trained = learning[learning.written]!;
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
      distillation: { ...distillation, ...(choice && choiceReport(choice)) },
      warnings: [
        ...(await overlapWarnings(data, test)),
        ...trainingWarnings(trained, test),
        ...helpWarnings(judgement, distillation),
        ...teacherSpeedWarnings(judgement, distillation),
        ...report.warnings,
      ],
    };
  } finally {
    hints?.close();
    scores.close();
  }
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
