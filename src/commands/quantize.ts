import type { TaskData } from '../data/task.js';
import { EXIT, UserError } from '../errors.js';
import { checkOutput } from '../files.js';
import type { Model } from '../ir/model.js';
import { readExitCard } from '../passes/exits/card.js';
import { type PreparedModel, prepareForQuantization } from '../passes/quantize/index.js';
import type { Plan } from '../passes/quantize/plan.js';
import { measureSensitivity } from '../passes/quantize/sensitivity.js';
import { withShortNames } from '../passes/short-names.js';
import { formatBytes } from '../report/format.js';
import type { Report } from '../report/schema.js';
import { checkHasNoExits, formOf, type ModelForm } from './adaptive-file.js';
import { type Calibration, openCalibration } from './calibration.js';
import type { CommandContext } from './context.js';
import { finish } from './finish.js';
import { openGates } from './gating.js';
import { createJudge } from './judge.js';
import { isHubLayout, marked, resolveModelPath } from './model-path.js';
import { decisionsOf } from './quantize-decisions.js';
import { quantizeWithinGate } from './quantize-gate.js';
import { type QuantizeOptions, quantizeOptions } from './quantize-options.js';
import { type ChosenPlan, choosePlan } from './quantize-plan.js';
import { buildReport } from './quantize-report.js';
import { resumePlan } from './quantize-resume.js';
import { resolveTarget, type TargetAdvice } from './quantize-target.js';
import { trainPlan } from './quantize-training.js';
import { checkReportPaths, showReport } from './reports.js';
import { skipWarnings } from './run-models.js';
import { overlapWarnings } from './training-data.js';
import { checkCheckpoints, checkpointOf } from './training-run.js';
import { foresee, latencyFeeds, measureFiles, noteLeftOut, spotCheck, variedFeeds, writeAndVerify } from './verify.js';
import { openWorkbench, type Workbench } from './workbench.js';

export { quantizeOptions as options };

/** Quantizes a model and shows what that did; with `dryRun`, what it would do. */
export async function run(path: string, options: QuantizeOptions, context: CommandContext): Promise<number> {
  const report = await quantize(path, options, context);
  if (!options.dryRun) return finish(report, options, context);
  if (options.json) await showReport(report, options, context);
  else showPlan(report, context);
  return EXIT.ok;
}

/**
 * Quantizes a model, verifies the file as written, and reports what it did to size, speed and quality. With `dryRun`
 * nothing is written, and the report tells of the model that would be.
 */
export async function quantize(given: string, options: QuantizeOptions, context: CommandContext): Promise<Report> {
  const startedAt = new Date();
  const path = resolveModelPath(given);
  checkReportPaths(options);
  if (options.output !== undefined) checkOutput(options.output, options.force || options.dryRun);
  const bench = await openWorkbench(path, options, context);
  if (options.qat) checkHasNoExits(bench, '--qat');
  const advice = await resolveTarget(options, bench.provider);
  const output = options.output ?? defaultOutput(path, advice.method);
  checkOutput(output, options.force || options.dryRun);
  if (options.qat) checkQat(options, advice, output, context);

  const form = await formOf(bench.model);
  const preparing = prepareForQuantization(form.model);
  preparing.catch(() => {}); // it may fail before its turn to be awaited comes
  const test = options.data === undefined ? undefined : await bench.open(options.data);
  const gates = await openGates(options, test);
  const calibration = await openCalibration(bench, options, test);
  const asCame = await preparing;
  if (!asCame.survey.candidates.length) throw nothingToQuantize(path, asCame);

  const inputs = test ?? calibration?.data;
  const [sample, ...more] = await latencyFeeds(bench, inputs);
  const feeds = inputs && readExitCard(bench.model) ? await variedFeeds(inputs) : [sample!, ...more];
  const judge = createJudge(bench, calibration?.data, feeds, options, form.finish);
  const trains = options.qat && !options.dryRun;
  const untrained =
    trains && options.resume
      ? await resumePlan(asCame, checkpointOf(output), options)
      : await choosePlan(
          { ...bench, model: form.model },
          asCame,
          calibration,
          judge,
          { ...options, ...advice },
          context,
        );
  const trained = trains ? await trainPlan(bench, asCame, untrained, output, options, context) : undefined;
  const { prepared, chosen } = trained ?? { prepared: asCame, chosen: untrained };
  const errors = errorMeasure(bench, prepared, chosen, calibration);
  const ranking = async (plan: Plan) => [...(await errors(plan))].sort((a, b) => a[1] - b[1]).map(([key]) => key);
  const known = [bench.model, form.model, prepared.model];
  const shortened = (model: Model) => withShortNames(model, known);
  const training = trained && { ...trained, postTraining: shortened(trained.postTraining) };
  const others = training ? [training.postTraining] : [];
  const written = { ...chosen, build: (plan: Plan) => form.finish(shortened(chosen.build(plan))) };
  const result = await quantizeWithinGate(bench, written, test, ranking, { ...options, others }, context);
  const shown = options.report.length > 0 || options.json || options.dryRun;
  const nodes = decisionsOf(prepared, result.plan, chosen.excluded, shown ? await errors(result.plan) : new Map());
  if (nodes.every(({ decision }) => decision === 'float')) throw nothingToQuantize(path, prepared, chosen.excluded);

  const spot = await spotCheck(result.model, bench, sample!);
  const verification = options.dryRun
    ? await foresee(result.model, bench)
    : await writeAndVerify(result.model, spot, output, options.force, bench, sample!);
  noteLeftOut(verification, context);
  const timed = options.benchmark && !options.dryRun;
  const latencies = timed ? await measureFiles(bench, [bench.path, output], feeds) : undefined;
  const warnings = [
    ...(training ? await overlapWarnings(training.taught, test) : []),
    ...exitWarnings(bench.model, form),
    ...dataWarnings(test, calibration),
    ...advice.warnings,
    ...chosen.warnings,
  ];
  return buildReport(
    { path, output, startedAt, warnings },
    { bench, test, calibration, advice, chosen, training, result, spot, nodes, verification, latencies, gates },
    options,
  );
}

/** What is put before `.onnx`; in a folder `onnx`, the names that transformers.js loads. */
const MARKS = {
  plain: { int8: '.int8', int4: '.int4', fp16: '.fp16' },
  hub: { int8: '_quantized', int4: '_q4', fp16: '_fp16' },
};

/** The name of a result in the folder of its original: `model.int8.onnx` or, in a folder `onnx`, `model_quantized.onnx`. */
export function defaultOutput(path: string, method: QuantizeOptions['method']): string {
  const width = method === 'int4-weights' ? 'int4' : method === 'fp16' ? 'fp16' : 'int8';
  return marked(path, MARKS[isHubLayout(path) ? 'hub' : 'plain'][width]);
}

/** @throws UserError where nothing can be trained for the target, or an interrupted run would be lost */
function checkQat(options: QuantizeOptions, { method }: TargetAdvice, output: string, { note }: CommandContext): void {
  if (method === 'fp16')
    throw new UserError('trains for integer kernels, which this target has not', {
      file: '--qat',
      mend: 'name a target with --target cpu, or leave --qat out',
    });
  if (options.dryRun) note('nothing is trained: --dry-run shows what is quantized before training');
  else checkCheckpoints([checkpointOf(output)], options);
}

function nothingToQuantize(
  path: string,
  { survey }: PreparedModel,
  excluded: ReadonlyMap<string, string> = new Map(),
): UserError {
  if (excluded.size)
    return new UserError(`--include, --exclude and --ops leave no node to quantize of ${excluded.size}`, {
      file: path,
      mend: 'let some in',
    });
  const reasons = new Set(survey.refused.map(({ node, reason }) => `${node.label} (${node.type}): ${reason}`));
  const why = reasons.size ? ` (${[...reasons].slice(0, 3).join('; ')})` : '';
  return new UserError(`no node can be quantized${why}`, {
    file: path,
    mend: 'see nncompress inspect for what the model holds; a model that is quantized already stays as it is',
  });
}

/** Samples on which the error of each node is measured. */
const ERROR_SAMPLES = 64;

/** Measures the error of each node of a plan, once; nothing where there are no inputs to measure on. */
function errorMeasure(
  bench: Workbench,
  prepared: PreparedModel,
  chosen: ChosenPlan,
  calibration: Calibration | undefined,
): (plan: Plan) => Promise<Map<string, number>> {
  const known = new Map<string, number>();
  return async (plan) => {
    const missing = [...plan].filter(([key, treatment]) => treatment !== 'float' && !known.has(key));
    if (!calibration || !missing.length) return known;
    const { facts, settings } = chosen;
    const few = () => calibration.batches(ERROR_SAMPLES);
    const found = await measureSensitivity(prepared.model, plan, facts, settings, few, bench.session);
    for (const [key] of missing) known.set(key, found.get(key) ?? Number.POSITIVE_INFINITY);
    return known;
  };
}

function showPlan({ models, nodes = [], quantization }: Report, { print }: CommandContext): void {
  const [before, after] = [models[0]!, models.at(-1)!];
  const sizes = `${formatBytes(after.bytes)} instead of ${formatBytes(before.bytes)}`;
  print(`would write ${after.path}: ${quantization!.method}, ${sizes}`);
  for (const { name, op, decision, reason } of nodes) print(`  ${name} (${op}): ${decision}, ${reason}`);
}

const NO_TEST_DATA =
  'accuracy was not checked: no labelled data was given (--data); outputs were compared on one input only';

/** Says so where most of a model lies in branches, whose nodes stay as they are. */
function exitWarnings(model: Model, { isFlat }: ModelForm): string[] {
  return !isFlat && readExitCard(model)
    ? [
        'what follows the first exit stays in float, since the file is not as adapt writes it: quantize the original, and add exits to that',
      ]
    : [];
}

function dataWarnings(test: TaskData | undefined, calibration: Calibration | undefined): string[] {
  const warnings = calibration?.warning ? [calibration.warning] : [];
  if (!test) warnings.push(NO_TEST_DATA);
  else if (!test.labels.labelled) warnings.push('accuracy was not checked: the data has no labels');
  if (!calibration)
    warnings.push('no inputs to calibrate on: activations stay in float or get their ranges at run time');
  return [...warnings, ...(test ? skipWarnings(test) : [])];
}
