import { formatPercent } from '../report/format.js';
import type { Comparison, Interval, Report } from '../report/schema.js';
import { pointsText } from '../report/summary.js';
import type { FedHint } from '../training/hints.js';
import { type DistillationData, labelledOf } from './distill-data.js';
import type { Learning } from './distill-learn.js';
import type { DistillOptions } from './distill-options.js';
import { type Recipe, recipeText } from './distill-recipes.js';
import type { Trial } from './distill-trials.js';
import { comparedOf, speedWarnings } from './speed-warnings.js';
import { trainingReport } from './training-run.js';
import { type Contender, compareModels, compareWith, type Judgement } from './write-and-judge.js';

type DistillationReport = NonNullable<Report['distillation']>;

/** Roles of the student that is not written. */
const ROLES = { taught: 'student-taught', alone: 'student-alone' } as const;

/** The student that was trained and is not written, where there is one. */
export function otherStudent(path: string, { written, taught, alone }: Learning): Contender[] {
  const other = written === 'taught' ? alone : taught;
  const role = ROLES[written === 'taught' ? 'alone' : 'taught'];
  return other ? [{ role, path: `${path} (${role}, not written)`, model: other.model }] : [];
}

/** Distillation's part of the report. */
export function distillationReport(
  judgement: Judgement,
  learning: Learning,
  data: DistillationData,
  { teacher, confidence }: DistillOptions,
): DistillationReport {
  const { recipe, taught, alone, trials, written, reason, heldOut } = learning;
  const againstTeacher = compareWith(judgement.contenders[0]!, judgement, confidence);
  const againstAlone = taughtAgainstAlone(judgement, learning, confidence);
  return {
    ...recipeReport(recipe),
    ...(data.hints && { hints: data.hints.terms.map(hintReport) }),
    teachers: teacher.length,
    samples: data.indices.length,
    labelled: labelledOf(data).length,
    chosen: { student: written, reason, ...(heldOut && { heldOut }) },
    ...(trials.length && { trials: trials.map((trial, k) => trialReport(trial, k === 0)) }),
    ...(againstTeacher.agreement !== undefined && { agreement: againstTeacher.agreement }),
    againstTeacher: againstTeacher.comparison,
    ...(againstAlone && { againstAlone }),
    ...(alone && { alone: trainingReport(alone)! }),
    ...(taught && written === 'alone' && { taught: trainingReport(taught)! }),
  };
}

const hintReport = ({ kind, student, teacher, weight }: FedHint) => ({
  ...{ kind, student: student.name, teacher: teacher.name, weight },
});

function taughtAgainstAlone(
  judgement: Judgement,
  { written }: Learning,
  confidence: number | undefined,
): Comparison | undefined {
  const { compressed, contenders } = judgement;
  const other = contenders.find(({ role }) => role === ROLES.alone || role === ROLES.taught);
  if (!other) return undefined;
  const [alone, taught] = written === 'taught' ? [other, compressed] : [compressed, other];
  return compareModels(alone, taught, judgement, confidence).comparison;
}

function recipeReport(recipe: Recipe | undefined) {
  if (!recipe) return { loss: 'none', temperature: 1, alpha: 0 };
  const { loss, temperature, alpha, beta } = recipe;
  const [begin, end] = alpha;
  return { loss, temperature, alpha: begin, ...(end !== begin && { alphaEnd: end }), ...(loss === 'dkd' && { beta }) };
}

const trialReport = ({ recipe, rounds, samples, accuracy }: Trial, chosen: boolean) => ({
  recipe: recipe ? recipeText(recipe) : 'alone',
  rounds,
  samples,
  ...(accuracy !== undefined && { accuracy }),
  chosen,
});

/** Says plainly where the teacher was of no use, or no better than its student. */
export function helpWarnings({ report }: Judgement, { againstAlone, chosen }: DistillationReport): string[] {
  const accuracyOf = (role: string) => report.models.find((model) => model.role === role)?.metrics?.accuracy;
  const teacher = accuracyOf('teacher');
  const rivals = [
    ['the student as it came', accuracyOf('original')],
    ['the student trained alone', accuracyOf(chosen?.student === 'alone' ? 'compressed' : ROLES.alone)],
  ] as const;
  const better = rivals.find(([, accuracy]) => teacher !== undefined && accuracy !== undefined && teacher <= accuracy);
  const warnings: string[] = [];
  if (better)
    warnings.push(
      `the teacher (${formatPercent(teacher!)}) is no better than ${better[0]} (${formatPercent(better[1]!)})`,
    );
  const drop = againstAlone?.accuracyDrop;
  if (drop && chosen?.student === 'taught' && drop.high >= 0) warnings.push(helpText(drop));
  return warnings;
}

/** Says so where a student is slower than its teacher; of one that was made new, every report tells. */
export function teacherSpeedWarnings({ report }: Judgement, { againstTeacher }: DistillationReport): string[] {
  const [original, teacher, student] = ['original', 'teacher', 'compressed'].map((role) =>
    report.models.find((model) => model.role === role),
  );
  if (!original || !teacher || !student) return [];
  return speedWarnings({ ...comparedOf(teacher, student, againstTeacher), than: 'the teacher' });
}

/** @param drop of the accuracy from the student alone to the one that was taught. */
function helpText(drop: Interval): string {
  const points = `${pointsText(drop)} of accuracy against the student trained alone`;
  return drop.low > 0 ? `distillation did harm: ${points}` : `distillation did not help beyond chance: ${points}`;
}
