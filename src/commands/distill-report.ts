import { formatPercent } from '../report/format.js';
import type { Interval, Report } from '../report/schema.js';
import { pointsText } from '../report/summary.js';
import type { FedHint } from '../training/hints.js';
import type { DistillationData } from './distill-data.js';
import type { DistillOptions } from './distill-options.js';
import type { TeacherHints } from './training-data.js';
import { type TrainedModel, trainingReport } from './training-run.js';
import { compareWith, type Judgement } from './write-and-judge.js';

/** Role of the student that was trained without a teacher. */
export const ALONE = 'student-alone';

/** What was trained, on what. */
export interface Trained {
  taught: TrainedModel;
  alone: TrainedModel | undefined;
  data: DistillationData;
  hints: TeacherHints | undefined;
}

/** Distillation's part of the report. */
export function distillationReport(
  judgement: Judgement,
  { alone, data, hints }: Trained,
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
    ...(hints && { hints: hints.terms.map(hintReport) }),
    teachers: teacher.length,
    samples: indices.length,
    labelled: data.labelled,
    ...(againstTeacher.agreement !== undefined && { agreement: againstTeacher.agreement }),
    againstTeacher: againstTeacher.comparison,
    ...(againstAlone && { againstAlone: againstAlone.comparison }),
    ...(alone && { alone: trainingReport(alone)! }),
  };
}

const hintReport = ({ kind, student, teacher, weight }: FedHint) => ({
  ...{ kind, student: student.name, teacher: teacher.name, weight },
});

/** Says plainly where the teacher was of no use, or no better than its student. */
export function helpWarnings({ report }: Judgement, { againstAlone }: NonNullable<Report['distillation']>): string[] {
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
