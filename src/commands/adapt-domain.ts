import type { TaskData } from '../data/task.js';
import { UserError } from '../errors.js';
import { comparePredictions } from '../evaluate/compare.js';
import type { OutputKind } from '../evaluate/loss.js';
import { describePredictions, hasCollapsed, type UnlabelledFigures } from '../evaluate/unlabelled.js';
import { checkOutput } from '../files.js';
import type { Model } from '../ir/model.js';
import { formatPercent } from '../report/format.js';
import type { Report } from '../report/schema.js';
import { withLoadable } from '../runtime/source.js';
import { type DomainSamples, openDomain } from './adapt-domain-data.js';
import { fitDomain } from './adapt-domain-fit.js';
import type { AdaptOptions } from './adapt-options.js';
import { checkHasNoExits } from './adaptive-file.js';
import type { CommandContext } from './context.js';
import { openGates } from './gating.js';
import { marked } from './model-path.js';
import { runModels, skipWarnings } from './run-models.js';
import { scoreKindOf } from './score-kind.js';
import { checkCheckpoints, checkpointOf } from './training-run.js';
import { openWorkbench, type Workbench } from './workbench.js';
import { writeAndJudge } from './write-and-judge.js';

type DomainReport = NonNullable<Report['domain']>;

/** Makes a model fit another domain, of which there are samples without labels, and reports what that did. */
export async function adaptDomain(path: string, options: AdaptOptions, context: CommandContext): Promise<Report> {
  const startedAt = new Date();
  const output = options.output ?? marked(path, '.adapted');
  checkOutput(output, options.force);
  const checkpoint = checkpointOf(output);
  checkCheckpoints([checkpoint], options);
  const bench = await openWorkbench(path, options, context);
  checkHasNoExits(bench, 'adapt');
  const test = options.data === undefined ? undefined : await bench.open(options.data);
  const gates = await openGates(options, test);
  const target = await openDomain(bench, options.domain!, '--domain', options);
  const source =
    options.source === undefined ? undefined : await openDomain(bench, options.source, '--source', options);
  const old = await openOld(bench, options);
  const kind = await scoreKindOf(bench, target.data, target.indices);
  const fitted = await fitDomain({ bench, target, source, kind, checkpoint }, options, context);
  const unlabelled = await compareUnlabelled(bench, fitted.model, target, kind, context);
  const report = await writeAndJudge(
    {
      command: 'adapt',
      bench,
      sameTask: true,
      model: fitted.model,
      output,
      test,
      inputs: target.data,
      gates,
      startedAt,
    },
    options,
    context,
  );
  const lost = old && (await compareOld(bench, output, old, options, context));
  return {
    ...report,
    ...(fitted.training && { training: fitted.training }),
    domain: {
      ...{ path: target.path, samples: target.indices.length },
      ...(source && { source: { path: source.path, samples: source.indices.length } }),
      ...fitted.report,
      unlabelled,
      ...(lost && { sourceTest: lost }),
    },
    warnings: [
      ...(test?.labels.labelled ? [] : [NOT_JUDGED]),
      ...(tellsMore(unlabelled) ? [] : [TELLS_NO_MORE]),
      ...fitted.warnings,
      ...skipWarnings(target.data),
      ...report.warnings,
    ],
  };
}

const NOT_JUDGED =
  'no labelled data of the new domain was given (--data): whether the adapted model is better there cannot be told';

const TELLS_NO_MORE =
  'predictions on the new domain are no surer and more diverse than before: adapting may do harm here';

/** True where predictions are surer or more diverse, and not much less of the other. */
const tellsMore = ({ entropy, diversity }: DomainReport['unlabelled']) =>
  diversity.after - entropy.after > diversity.before - entropy.before;

/** @throws UserError where it has no labels */
async function openOld(bench: Workbench, { sourceTest }: AdaptOptions): Promise<TaskData | undefined> {
  const old = sourceTest === undefined ? undefined : await bench.open(sourceTest);
  if (!old || old.labels.labelled) return old;
  throw new UserError('has no labels', { file: sourceTest, mend: 'give --source-test labelled data' });
}

/** Samples of the new domain on which predictions are looked at. */
const LOOKED_AT = 2048;

/** @throws UserError where the adapted model takes most samples for the same */
async function compareUnlabelled(
  bench: Workbench,
  model: Model,
  { data, indices }: DomainSamples,
  kind: OutputKind,
  context: CommandContext,
): Promise<DomainReport['unlabelled']> {
  const looked = indices.slice(0, LOOKED_AT);
  const task = context.progress.start('comparing predictions', looked.length);
  const { figures, changed } = await withLoadable([bench.model, model], (sources) =>
    describePredictions(sources, {
      ...{ data, indices: looked, kind, workers: bench.workers, session: bench.session },
      onProgress: (samples) => task.advance(samples),
    }),
  );
  task.done();
  const [before, after] = figures as [UnlabelledFigures, UnlabelledFigures];
  const { classes } = data.labels;
  if (hasCollapsed(before, after)) throw collapsed(bench, classes, after);
  return {
    samples: looked.length,
    changed,
    entropy: { before: before.entropy, after: after.entropy },
    diversity: { before: before.diversity, after: after.diversity },
    classes: before.predicted.map((share, k) => ({
      class: classes[k] ?? `${k}`,
      ...{ before: share, after: after.predicted[k]! },
    })),
  };
}

function collapsed({ path }: Workbench, classes: readonly string[], { predicted }: UnlabelledFigures): UserError {
  const most = predicted.indexOf(Math.max(...predicted));
  const share = formatPercent(predicted[most]!);
  return new UserError(`adapted, it would take ${share} of the samples for '${classes[most] ?? most}'`, {
    file: path,
    mend: 'give more samples of the new domain, of all classes, or a larger --prior',
  });
}

/** What adapting cost on the old domain. */
async function compareOld(
  bench: Workbench,
  output: string,
  old: TaskData,
  options: AdaptOptions,
  context: CommandContext,
): Promise<DomainReport['sourceTest']> {
  const { classifications = [] } = await runModels(bench, old, [bench.path, output], options, context);
  const [before, after] = classifications;
  if (!before || !after) return undefined;
  const { labelled } = comparePredictions(before.predictions, after.predictions, options.confidence);
  if (!labelled) return undefined;
  return {
    path: options.sourceTest!,
    samples: labelled.pairs.samples,
    accuracy: { before: before.result().accuracy, after: after.result().accuracy },
    drop: labelled.accuracyDrop,
  };
}
