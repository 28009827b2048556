import { existsSync, rmSync } from 'node:fs';
import type { TaskData } from '../data/task.js';
import { checkOutput } from '../files.js';
import { formatPercent } from '../report/format.js';
import type { Interval, Report } from '../report/schema.js';
import { pointsText } from '../report/summary.js';
import type { CommandContext } from './context.js';
import { type DistillationData, distillationData, openSamples, withClassNames } from './distill-data.js';
import { type DistillOptions, distillOptions } from './distill-options.js';
import { openTeachers, orderOf, scoresOf, type Teacher } from './distill-teachers.js';
import { BATCH_SIZES, planFinetuning } from './finetune-plan.js';
import { finish } from './finish.js';
import { openGates } from './gating.js';
import { besideWhich } from './model-pair.js';
import { marked, resolveModelPath } from './model-path.js';
import { checkReportPaths } from './reports.js';
import { overlapWarnings, type TrainingData } from './training-data.js';
import { checkCheckpoints, runTraining, type TrainedModel, trainingReport, trainingWarnings } from './training-run.js';
import { openWorkbench, type Workbench } from './workbench.js';
import { type Contender, compareWith, type Judgement, judgeResult } from './write-and-judge.js';

export { distillOptions as options };

/** Trains a student with a teacher and shows what the teacher gave. */
export async function run(path: string, options: DistillOptions, context: CommandContext): Promise<number> {
  return finish(await distill(path, options, context), options, context);
}

/** Trains a student on what teachers say of samples, and reports how it compares with them and with itself untaught. */
export async function distill(given: string, options: DistillOptions, context: CommandContext): Promise<Report> {
  const startedAt = new Date();
  const path = resolveModelPath(given);
  checkReportPaths(options);
  const output = options.output ?? marked(path, '.distilled');
  checkOutput(output, options.force);
  const checkpoints = [`${output}.checkpoint`, `${output}.alone.checkpoint`] as const;
  checkCheckpoints(checkpoints, options);
  const teachers = await openTeachers(path, options, context);
  const student = await openStudent(path, teachers, options, context);
  const samples = await student.open(await openSamples(options));
  const test = options.data === undefined ? undefined : await student.open(options.data);
  const gates = await openGates({ ...options, baseline: options.baseline || undefined }, test);
  const contenders = await teacherContenders(teachers, samples, test, options);
  const scores = await scoresOf(teachers, samples, output, options, context);
  try {
    const data = await distillationData(student, samples, scores, options);
    noteData(data, options, context);
    const taught = await trainOne(student, data.taught, 'with the teacher', checkpoints[0], options, context);
    const alone = await trainAlone(student, data, checkpoints[1], options, context);
    const judgement = await judgeResult(
      {
        command: 'distill',
        bench: student,
        sameTask: true,
        model: taught.model,
        output,
        test,
        inputs: samples,
        gates,
        startedAt,
        contenders: [
          ...contenders,
          ...(alone ? [{ role: ALONE, path: `${path} (${ALONE}, not written)`, model: alone.model }] : []),
        ],
        gatedAgainst: contenders[0]!.role,
      },
      options,
      context,
    );
    for (const checkpoint of checkpoints) rmSync(checkpoint, { force: true });
    const { report } = judgement;
    const distillation = distillationReport(judgement, { taught, alone, data }, options);
    return {
      ...report,
      training: trainingReport(taught),
      distillation,
      warnings: [
        ...(await overlapWarnings(data.taught, test)),
        ...trainingWarnings(taught, test),
        ...helpWarnings(judgement, distillation),
        ...report.warnings,
      ],
    };
  } finally {
    scores.close();
  }
}

const ALONE = 'student-alone';

interface Trained {
  taught: TrainedModel;
  alone: TrainedModel | undefined;
  data: DistillationData;
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

function noteData({ taught, labelled }: DistillationData, options: DistillOptions, context: CommandContext): void {
  const unlabelled = taught.indices.length - labelled;
  if (taught.note) context.note(taught.note);
  if (unlabelled)
    context.note(
      `${unlabelled} of ${taught.indices.length} training samples have no label: the teacher speaks for them`,
    );
  if (options.augment !== 'none')
    context.note('where samples are changed at random, the teacher says what it says of the unchanged ones');
}

/** Trains the student once. */
async function trainOne(
  bench: Workbench,
  training: TrainingData,
  label: string,
  checkpoint: string,
  options: DistillOptions,
  context: CommandContext,
): Promise<TrainedModel> {
  const all = { ...options, freeze: [], freezeLayers: 0, layerDecay: 1, cacheFeatures: false };
  const plan = await planFinetuning(bench, training, all, context);
  const resume = options.resume && existsSync(checkpoint);
  return runTraining(
    { bench, training, label, checkpoint, keepCheckpoint: true, ...plan },
    { ...options, resume },
    context,
  ).finally(plan.close);
}

/** Trains the student on the labels alone, with as many samples in all; undefined where they do not fill a batch. */
async function trainAlone(
  bench: Workbench,
  { taught, alone }: DistillationData,
  checkpoint: string,
  options: DistillOptions,
  context: CommandContext,
): Promise<TrainedModel | undefined> {
  if (options.baseline === false || !alone) return undefined;
  const epochs = Math.round((options.epochs * taught.indices.length) / alone.indices.length);
  const { fixedBatch, dataset } = alone.data;
  if (fixedBatch !== undefined && alone.indices.length < fixedBatch) return undefined;
  const batch = fixedBatch ?? Math.min(options.batch ?? BATCH_SIZES[dataset.kind], alone.indices.length);
  return trainOne(bench, alone, 'alone', checkpoint, { ...options, epochs, batch }, context);
}

function distillationReport(
  judgement: Judgement,
  { alone, data }: Trained,
  { loss, temperature, alpha, beta, teacher, confidence }: DistillOptions,
): NonNullable<Report['distillation']> {
  const { indices } = data.taught;
  const rival = judgement.contenders.find(({ role }) => role === ALONE);
  const againstAlone = rival && compareWith(rival, judgement, confidence);
  const againstTeacher = compareWith(judgement.contenders[0]!, judgement, confidence);
  return {
    loss,
    temperature,
    alpha,
    ...(loss === 'dkd' && { beta }),
    teachers: teacher.length,
    samples: indices.length,
    labelled: data.labelled,
    ...(againstTeacher.agreement !== undefined && { agreement: againstTeacher.agreement }),
    againstTeacher: againstTeacher.comparison,
    ...(againstAlone && { againstAlone: againstAlone.comparison }),
    ...(alone && { alone: trainingReport(alone)! }),
  };
}

/** Says plainly where the teacher was of no use, or no better than its student. */
function helpWarnings({ report }: Judgement, { againstAlone }: NonNullable<Report['distillation']>): string[] {
  const accuracyOf = (role: string) => report.models.find((model) => model.role === role)?.metrics?.accuracy;
  const [teacher, result, original] = ['teacher', 'compressed', 'original'].map(accuracyOf);
  const warnings: string[] = [];
  if (teacher !== undefined && original !== undefined && teacher <= original)
    warnings.push(
      `the teacher (${formatPercent(teacher)}) is no better than the student as it came (${formatPercent(original)})`,
    );
  const drop = againstAlone?.accuracyDrop;
  if (drop && result !== undefined && drop.high >= 0) warnings.push(helpText(drop));
  return warnings;
}

/** @param drop of the accuracy from the student alone to the one that was taught. */
function helpText(drop: Interval): string {
  const points = `${pointsText(drop)} of accuracy against the student trained alone`;
  return drop.low > 0 ? `distillation did harm: ${points}` : `distillation did not help beyond chance: ${points}`;
}
