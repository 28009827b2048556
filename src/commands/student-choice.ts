import { mixedSeed } from '../random.js';
import { formatFixed, formatPercent } from '../report/format.js';
import type { StudentCandidate } from '../report/schema.js';
import { Divergence } from '../training/trainer.js';
import type { CommandContext } from './context.js';
import { type DistillationData, labelledOf } from './distill-data.js';
import type { DistillOptions } from './distill-options.js';
import { type Recipe, recipesOf } from './distill-recipes.js';
import { trainTaught } from './distill-train.js';
import { fingerprintOf, partOf } from './distill-trials.js';
import { batchSizeOf } from './finetune-plan.js';
import { latenciesOf, type NewStudent, type NewStudents } from './new-student.js';
import { bestAccuracy, trainingReport } from './training-run.js';
import { TrialLog } from './trial-log.js';

/** The student to train, and those that it was chosen from, if any. */
export interface StudentChoice {
  chosen: NewStudent;
  candidates?: StudentCandidate[];
}

/** The new student to train: the only one, or the one that trials show to be best. */
export async function studentOf(
  { students, leftOut }: NewStudents,
  data: DistillationData,
  log: string,
  options: DistillOptions,
  context: CommandContext,
): Promise<StudentChoice> {
  const tried = students.length > 1 ? await tryStudents(students, data, log, options, context) : [];
  const taken = tried.find(({ chosen }) => chosen);
  const chosen = students.find(({ template: { name } }) => name === taken?.template) ?? students[0]!;
  const { template, size } = chosen;
  context.note(
    `the student is a new ${template.name} of ${formatFixed(size.parameters)} parameters, ${formatFixed(size.macs)} ` +
      `multiply-accumulates a sample: ${template.about}`,
  );
  if (!taken && !leftOut.length) return { chosen };
  const left = leftOut.map((one) => ({ template: one.template.name, chosen: false, reason: one.reason }));
  return { chosen, candidates: [...(taken ? tried : [candidateOf(chosen, true)]), ...left] };
}

function candidateOf({ template, size }: NewStudent, chosen: boolean): StudentCandidate {
  return { template: template.name, chosen, ...size };
}

/** A new student's part of the report. */
export function choiceReport({ chosen: { template, size }, candidates }: StudentChoice) {
  const { widths, parameters, macs } = size;
  return { student: { template: template.name, widths, parameters, macs }, ...(candidates && { candidates }) };
}

/** Epochs of a trial, so that there is a curve. */
const EPOCHS = 4;
/** Updates of a trial, at least: fewer tell nothing of a network with random weights. */
const LEAST_UPDATES = 100;

/** Samples that each of some students learns from and is judged by, in so many epochs. */
interface Trial {
  epochs: number;
  learnt: number;
  judged: number;
}

/**
 * What each of some students learns from: together as many samples as one whole training, or as it takes to tell
 * anything; at most half of the data, the rest of which judges them.
 */
export function planTrial(students: number, samples: number, epochs: number, batch: number): Trial {
  const passes = Math.max((epochs * samples) / students, LEAST_UPDATES * batch);
  const most = Math.max(batch, Math.floor(samples / 2));
  const learnt = Math.min(samples, most, Math.max(batch, Math.floor(passes / EPOCHS)));
  return {
    epochs: Math.ceil(passes / learnt),
    learnt,
    judged: Math.min(Math.max(samples - learnt, 1), Math.ceil(passes / EPOCHS)),
  };
}

/**
 * Trains students briefly on the same part of the data, with the teacher, and takes the cheapest of those that are not
 * worse than the best by more than one standard error (the rule of Breiman et al. 1984). Samples that are held out take
 * no part.
 */
async function tryStudents(
  students: readonly NewStudent[],
  data: DistillationData,
  log: string,
  options: DistillOptions,
  context: CommandContext,
): Promise<StudentCandidate[]> {
  const trial = planTrial(students.length, data.indices.length, options.epochs, batchSizeOf(data.data, options));
  const part = partOf(data, trial, mixedSeed(options.seed, students.length));
  const [recipe] = recipesOf(options, data.data.kind, labelledOf(data).length > 0);
  const { length } = part.indices;
  context.note(
    `${students.length} students are tried, each for ${trial.epochs} epochs on ${formatFixed(length)} samples`,
  );
  const benches = students.map(({ bench }) => bench);
  const latencies = options.benchmark ? await latenciesOf(benches, data.data) : [];
  const results = await TrialLog.open<TrialResult>(log, {
    fingerprint: fingerprintOf(benches, data, options),
    resume: options.resume,
    kept: context.world.size === 1,
  });
  const tried: StudentCandidate[] = [];
  for (const [k, student] of students.entries()) {
    const { name } = student.template;
    const label = `trial ${k + 1} of ${students.length} (${name})`;
    const own = { ...options, epochs: trial.epochs };
    const result = await results.get(name, () => tryOne(student, part, recipe!, label, own, context));
    context.detail(`${label}: ${result ? formatPercent(result.accuracy) : 'diverged'}`);
    tried.push({
      ...candidateOf(student, false),
      ...(latencies.length && { latencyMs: latencies[k]! }),
      ...result,
    });
  }
  const taken = cheapestOfBest(tried, part.validation.indices.length);
  context.note(chosenText(taken));
  return tried.map((one) => ({ ...one, chosen: one === taken }));
}

const chosenText = ({ template, accuracy = 0 }: StudentCandidate) =>
  `${template} is taken: the cheapest of those that come near the best, ${formatPercent(accuracy)} in its trial`;

/** The one of fewest operations of those not worse than the best by more than one standard error. */
export function cheapestOfBest(tried: readonly StudentCandidate[], judged: number): StudentCandidate {
  const best = Math.max(...tried.map(({ accuracy = -1 }) => accuracy));
  const error = Math.sqrt((Math.max(best, 0) * (1 - Math.max(best, 0))) / judged);
  const near = tried.filter(({ accuracy = -1 }) => accuracy >= best - error);
  return near.reduce((a, b) => (b.macs! < a.macs! ? b : a));
}

/** What a trial of a student gave. */
type TrialResult = Required<Pick<StudentCandidate, 'samples' | 'accuracy' | 'history'>>;

/** A short training with the teacher; undefined where it diverged. */
async function tryOne(
  { bench }: NewStudent,
  part: DistillationData,
  recipe: Recipe,
  label: string,
  options: DistillOptions,
  context: CommandContext,
): Promise<TrialResult | undefined> {
  const quiet = { ...context, note: () => {} };
  try {
    const trained = await trainTaught(bench, part, recipe, { label }, options, quiet);
    const { samples, history } = trainingReport(trained)!;
    return { samples, history, accuracy: bestAccuracy(trained)! };
  } catch (error) {
    if (error instanceof Divergence) return undefined;
    throw error;
  }
}
