import { UserError } from '../errors.js';
import { checkOutput } from '../files.js';
import type { Report } from '../report/schema.js';
import { checkHasNoExits } from './adaptive-file.js';
import type { CommandContext } from './context.js';
import { checkRivals, trainRivals } from './finetune-compare.js';
import { type FinetuneOptions, finetuneOptions } from './finetune-options.js';
import { planFinetuning } from './finetune-plan.js';
import { finish } from './finish.js';
import { openGates } from './gating.js';
import { marked, resolveModelPath } from './model-path.js';
import { checkReportPaths } from './reports.js';
import { openTrainingData, overlapWarnings } from './training-data.js';
import { checkCheckpoints, checkpointOf, runTraining, trainingReport, trainingWarnings } from './training-run.js';
import { openTransfer } from './transfer.js';
import { openWorkbench } from './workbench.js';
import { writeAndJudge } from './write-and-judge.js';

export { finetuneOptions as options };

/** Trains a model further and shows what that did. */
export async function run(path: string, options: FinetuneOptions, context: CommandContext): Promise<number> {
  return finish(await finetune(path, options, context), options, context);
}

/** Trains a model further, or for other classes, and reports what that did to its quality. */
export async function finetune(given: string, options: FinetuneOptions, context: CommandContext): Promise<Report> {
  const startedAt = new Date();
  const path = resolveModelPath(given);
  checkReportPaths(options);
  const output = options.output ?? marked(path, '.tuned');
  checkOutput(output, options.force);
  const checkpoint = checkpointOf(output);
  checkCheckpoints([checkpoint], options);
  const original = await openWorkbench(path, options, context);
  checkHasNoExits(original, 'finetune');
  const { classes } = options;
  const transfer = classes === undefined ? undefined : await openTransfer(original, { ...options, classes });
  const bench = transfer?.bench ?? original;
  const test = options.data === undefined ? undefined : await bench.open(options.data);
  const gates = await openGates(options, test);
  if (options.compare && context.world.size > 1)
    throw new UserError('is there for one process only', { file: '--compare', mend: 'leave out --launcher mpi' });
  if (options.compare && !test)
    throw new UserError('needs labelled test data', { file: '--compare', mend: 'name some with --data' });
  const training = await openTrainingData(bench, options);
  if (training.note) context.note(training.note);
  if (options.compare) await checkRivals(bench, training, options, context);
  const plan = await planFinetuning(bench, training, options, context, transfer?.head.constants);
  const tuned = await runTraining(
    { bench, training, checkpoint, label: 'training', ...plan },
    options,
    context,
  ).finally(plan.close);
  const report = await writeAndJudge(
    {
      command: 'finetune',
      bench: original,
      sameTask: !transfer,
      model: tuned.model,
      output,
      test,
      inputs: training.data,
      gates,
      startedAt,
    },
    options,
    context,
  );
  const rivals = options.compare && test ? await trainRivals(bench, training, test, options, context) : [];
  return {
    ...report,
    models: [report.models[0]!, ...rivals, ...report.models.slice(1)],
    training: trainingReport(tuned),
    warnings: [...(await overlapWarnings(training, test)), ...trainingWarnings(tuned, test), ...report.warnings],
  };
}
