import { rmSync } from 'node:fs';
import { measureCost } from '../analysis/cost.js';
import type { ExitModel } from '../evaluate/exits.js';
import { checkOutput } from '../files.js';
import type { Report } from '../report/schema.js';
import { openCascade, smallContenders } from './adapt-cascade.js';
import { openEarlyExits, openHeadData } from './adapt-early-exit.js';
import type { AdaptOptions } from './adapt-options.js';
import { adaptiveReport, driftWarnings, scarceWarnings } from './adapt-report.js';
import { chooseThresholds, goalOf, openThresholdData, recordTest, type ThresholdData } from './adapt-thresholds.js';
import { adaptiveModel } from './adapt-write.js';
import { checkHasNoExits } from './adaptive-file.js';
import type { CommandContext } from './context.js';
import { openGates } from './gating.js';
import { marked } from './model-path.js';
import { overlapWarnings } from './training-data.js';
import { checkCheckpoints, checkpointOf } from './training-run.js';
import { openWorkbench, type Workbench } from './workbench.js';
import { type Contender, judgeResult } from './write-and-judge.js';

/** A model with several exits, and what it is shown beside. */
interface Prepared {
  model: ExitModel;
  /** True where exits that are not worth what they cost are left out. */
  isFree: boolean;
  contenders: Contender[];
  training?: Report['training'];
  warnings: string[];
}

/** Makes a model whose cost depends on the input, and reports what samples cost and where they leave. */
export async function adaptByExits(path: string, options: AdaptOptions, context: CommandContext): Promise<Report> {
  const startedAt = new Date();
  const output = options.output ?? marked(path, options.earlyExit ? '.early-exit' : '.cascade');
  checkOutput(output, options.force);
  if (options.joint) checkCheckpoints([checkpointOf(output)], options);
  const bench = await openWorkbench(path, options, context);
  checkHasNoExits(bench, 'adapt');
  const whole = options.data === undefined ? undefined : await bench.open(options.data);
  const heads = options.earlyExit ? await openHeadData(bench, whole, options) : undefined;
  const source = heads?.thresholds ?? (await openThresholdData(bench, whole, options));
  const { test } = source;
  const gates = await openGates(options, test);
  const prepared = heads
    ? { ...(await openEarlyExits(bench, heads, output, options, context)), isFree: true, contenders: [] }
    : await prepareCascade(bench, source, options, context);
  const { model: exits, isFree, contenders, training, warnings }: Prepared = prepared;
  const chosen = await chooseThresholds(exits, source, bench, isFree, options, context);
  const model = await adaptiveModel(chosen, bench, source.data, options.seed);
  const records = await recordTest(chosen, test ?? source.data, bench, options, context);
  const spent = adaptiveReport(chosen, records);
  const { macs } = await measureCost(bench.model);
  const { report } = await judgeResult(
    {
      ...{ command: 'adapt', bench, sameTask: true, model, output },
      ...{ test, inputs: source.data, gates, startedAt, contenders },
      meanMacs: macs * spent.cost,
    },
    options,
    context,
  );
  if (options.joint) rmSync(checkpointOf(output), { force: true });
  return {
    ...report,
    ...(training && { training }),
    adaptive: spent.report,
    warnings: [
      ...(source.warning ? [source.warning] : []),
      ...(test ? [] : ['no test data was given (--data): exits are shown on the data that thresholds were chosen on']),
      ...scarceWarnings(chosen, goalOf(options)),
      ...(test ? driftWarnings(chosen, spent, goalOf(options)) : []),
      ...(heads ? await overlapWarnings({ data: heads.train }, test) : []),
      ...warnings,
      ...report.warnings,
    ],
  };
}

async function prepareCascade(
  bench: Workbench,
  { data, test }: ThresholdData,
  options: AdaptOptions,
  context: CommandContext,
): Promise<Prepared> {
  const cascade = await openCascade(bench, data, options, context);
  return { ...cascade, isFree: false, contenders: await smallContenders(cascade, data, test) };
}
