import { constantUses } from '../analysis/parameters.js';
import { EXIT, UserError } from '../errors.js';
import { checkOutput } from '../files.js';
import { sumOf } from '../group.js';
import type { Report } from '../report/schema.js';
import { checkHasNoExits } from './adaptive-file.js';
import { openCalibration } from './calibration.js';
import type { CommandContext } from './context.js';
import { finish } from './finish.js';
import { openGates } from './gating.js';
import { marked, resolveModelPath } from './model-path.js';
import { channelsMethod } from './prune-channels.js';
import { layersMethod } from './prune-layers.js';
import type { PruningMethod, PruningSite } from './prune-method.js';
import { kindOf, type PruneOptions, type PruningKind, pruneOptions } from './prune-options.js';
import { PRUNED, planReport, pruningWarnings, showPlan, withPruning } from './prune-report.js';
import { reportSensitivity } from './prune-sensitivity.js';
import { pruneInSteps } from './prune-steps.js';
import { meetOthers, openTrainer, trainAlong, trainTogether } from './prune-train.js';
import { Trials } from './prune-trials.js';
import { weightsMethod } from './prune-weights.js';
import { checkReportPaths, showReport } from './reports.js';
import { overlapWarnings } from './training-data.js';
import { trainingReport, trainingWarnings } from './training-run.js';
import { openWorkbench, type Workbench } from './workbench.js';
import { judgeResult } from './write-and-judge.js';

export { pruneOptions as options };

/** Prunes a model and shows what that did; with `dryRun`, what it would do. */
export async function run(path: string, options: PruneOptions, context: CommandContext): Promise<number> {
  const report = await prune(path, options, context);
  if (!options.dryRun) return finish(report, options, context);
  if (options.json) await showReport(report, options, context);
  else showPlan(report, context);
  return EXIT.ok;
}

/**
 * Prunes a model, trains it where there is data to learn from, verifies the file as written, and reports what that did to
 * size, speed and quality. With `dryRun` nothing is trained or written.
 */
export async function prune(given: string, options: PruneOptions, context: CommandContext): Promise<Report> {
  const startedAt = new Date();
  const path = resolveModelPath(given);
  checkReportPaths(options);
  const output = options.output ?? marked(path, '.pruned');
  if (!options.sensitivity) checkOutput(output, options.force || options.dryRun);
  const bench = await openWorkbench(path, options, context);
  checkHasNoExits(bench, 'prune');
  checkNotQuantized(bench);
  if (context.world.rank) return trainAlong(bench, output, options, context);
  const test = options.data === undefined ? undefined : await bench.open(options.data);
  const gates = await openGates(options, test);
  const calibration = await openCalibration(
    bench,
    { ...options, calibration: options.calibration ?? options.train },
    test,
  );
  const site = { bench, calibration, options, context };
  if (options.sensitivity) return reportSensitivity(site, test!, startedAt);
  const shared = await meetOthers(context);
  const kind = kindOf(options);
  const method = await METHODS[kind](site);
  if (options.dryRun)
    return planReport(
      bench,
      await method.prune(bench.model, 1),
      { kind, ...method },
      { ...options, output },
      startedAt,
    );
  const trainer = await openTrainer(bench, output, options, context);
  try {
    const trials = isMeasured(options) && test ? new Trials(bench, test, options, context) : undefined;
    const train = trainer && (shared ? trainTogether(trainer.train, shared) : trainer.train);
    const found = await pruneInSteps({ original: bench.model, kind, method, train, trials, options, context });
    await shared?.end();
    const { pruned, trained, model } = found.chosen;
    const judgement = await judgeResult(
      {
        ...{ command: 'prune', bench, sameTask: true, model, output, test, gates, startedAt },
        inputs: trainer?.data.data ?? calibration?.data,
        contenders: trained
          ? [{ role: PRUNED, path: `${path} (${PRUNED}, not trained, not written)`, model: pruned.model }]
          : [],
      },
      options,
      context,
    );
    trainer?.forget();
    const report = {
      ...(await withPruning(judgement, found, { kind, ...method })),
      ...(trained && { training: trainingReport(trained) }),
    };
    return {
      ...report,
      warnings: [
        ...(trainer ? await overlapWarnings(trainer.data, test) : []),
        ...(trained ? trainingWarnings(trained, test) : []),
        ...pruningWarnings(report, kind, calibration, test),
        ...report.warnings,
      ],
    };
  } finally {
    trainer?.close();
  }
}

const METHODS: Readonly<Record<PruningKind, (site: PruningSite) => PruningMethod | Promise<PruningMethod>>> = {
  channels: channelsMethod,
  weights: weightsMethod,
  layers: layersMethod,
};

/** True where models on the way are measured on the test data. */
const isMeasured = ({ maxDrop, steps = 1 }: PruneOptions) => maxDrop !== undefined || steps > 1;

/** @throws UserError where most of the weights are integers */
function checkNotQuantized({ path, model }: Workbench): void {
  const uses = constantUses(model);
  const quantized = uses.filter((use) => use.quantized);
  if (2 * sumOf(quantized, ({ parameters }) => parameters) > sumOf(uses, ({ parameters }) => parameters))
    throw new UserError('has quantized weights', {
      file: path,
      mend: 'prune the float model first, then quantize the result',
    });
}
