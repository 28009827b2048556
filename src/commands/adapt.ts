import { measureCost } from '../analysis/cost.js';
import { UserError } from '../errors.js';
import { checkOutput } from '../files.js';
import type { Report } from '../report/schema.js';
import { openCascade, smallContenders } from './adapt-cascade.js';
import { type AdaptOptions, adaptOptions } from './adapt-options.js';
import { adaptiveReport } from './adapt-report.js';
import { chooseThresholds, openThresholdData, recordTest } from './adapt-thresholds.js';
import { adaptiveModel } from './adapt-write.js';
import type { CommandContext } from './context.js';
import { finish } from './finish.js';
import { openGates } from './gating.js';
import { marked, resolveModelPath } from './model-path.js';
import { checkReportPaths } from './reports.js';
import { openWorkbench } from './workbench.js';
import { judgeResult } from './write-and-judge.js';

export { adaptOptions as options };

/** Makes a model spend less on easy inputs, and shows what that did. */
export async function run(path: string, options: AdaptOptions, context: CommandContext): Promise<number> {
  return finish(await adapt(path, options, context), options, context);
}

/** Makes a model whose cost depends on the input, and reports what samples cost and where they leave. */
export async function adapt(given: string, options: AdaptOptions, context: CommandContext): Promise<Report> {
  const startedAt = new Date();
  const path = resolveModelPath(given);
  checkReportPaths(options);
  if (!options.cascade.length)
    throw new UserError('nothing says how to adapt the model', {
      file: path,
      mend: 'name a smaller model to run before it with --cascade',
    });
  const output = options.output ?? marked(path, '.cascade');
  checkOutput(output, options.force);
  const bench = await openWorkbench(path, options, context);
  const whole = options.data === undefined ? undefined : await bench.open(options.data);
  const source = await openThresholdData(bench, whole, options);
  const gates = await openGates(options, source.test);
  const cascade = await openCascade(bench, source.data, options, context);
  const chosen = await chooseThresholds(cascade.model, source, bench, options, context);
  const model = await adaptiveModel(chosen, bench, source.data, options.seed);
  const { test } = source;
  const records = await recordTest(chosen, test ?? source.data, bench, options, context);
  const spent = adaptiveReport(chosen, records);
  const { macs } = await measureCost(bench.model);
  const { report } = await judgeResult(
    {
      command: 'adapt',
      bench,
      sameTask: true,
      model,
      output,
      test,
      inputs: source.data,
      gates,
      startedAt,
      contenders: await smallContenders(cascade, source.data, test),
      meanMacs: macs * spent.cost,
    },
    options,
    context,
  );
  return {
    ...report,
    adaptive: spent.report,
    warnings: [
      ...(source.warning ? [source.warning] : []),
      ...(test ? [] : ['no test data was given (--data): exits are shown on the data that thresholds were chosen on']),
      ...cascade.warnings,
      ...report.warnings,
    ],
  };
}
