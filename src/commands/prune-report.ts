import type { TaskData } from '../data/task.js';
import { modelFiles } from '../onnx/write.js';
import { formatBytes, formatPercent } from '../report/format.js';
import type { ModelReport, Report } from '../report/schema.js';
import type { Calibration } from './calibration.js';
import type { CommandContext } from './context.js';
import { gzipBytes } from './gzip.js';
import type { Pruned } from './prune-method.js';
import type { PruneOptions, PruningKind } from './prune-options.js';
import type { PruningStep } from './prune-steps.js';
import { type ModelFindings, modelBytes, modelReport, reportHead } from './reporting.js';
import { foresee } from './verify.js';
import type { Workbench } from './workbench.js';
import type { Judgement } from './write-and-judge.js';

type PruningReport = NonNullable<Report['pruning']>;

/** What is removed, and how is told what matters. */
interface Method {
  kind: PruningKind;
  importance: string;
}

/** Role of the model that is pruned and not yet trained. */
export const PRUNED = 'pruned';

/** A judgement's report with what was pruned, and for zeros what they are worth to a packer. */
export async function withPruning(
  { report, original, compressed }: Judgement,
  { steps, chosen }: { steps: readonly PruningStep[]; chosen: PruningStep },
  method: Method,
): Promise<Report> {
  const [before, after] = [roleOf(report, 'original')!, roleOf(report, 'compressed')!];
  const found = { accuracy: (roleOf(report, PRUNED) ?? after).metrics?.accuracy, trained: after.metrics?.accuracy };
  const records = steps.map(({ record, trained }): Record<string, unknown> => {
    if (steps.length > 1 || found.accuracy === undefined) return record;
    return { ...record, accuracy: found.accuracy, ...(trained && { trained: found.trained }) };
  });
  const packed = method.kind === 'weights' ? await packedModels([original!, compressed]) : new Map<string, number>();
  return {
    ...report,
    models: report.models.map((model) => ({
      ...model,
      ...(packed.has(model.role) && { gzipBytes: packed.get(model.role)! }),
    })),
    pruning: pruningReport(method, before, after, chosen.pruned, records),
  };
}

/** Bytes of models as gzip packs them, by role. */
async function packedModels(models: readonly ModelFindings[]): Promise<Map<string, number>> {
  const sizes = new Map<string, number>();
  for (const { role, path, model } of models) sizes.set(role, await gzipBytes(modelFiles(model, path)));
  return sizes;
}

const roleOf = ({ models }: Report, role: string) => models.find((model) => model.role === role);

function pruningReport(
  { kind, importance }: Method,
  before: ModelReport,
  after: ModelReport,
  { groups, left }: Pruned,
  steps: PruningReport['steps'],
): PruningReport {
  const ratio = (key: 'macs' | 'parameters') => (after[key] ? (before[key] ?? 1) / after[key] : 1);
  return {
    kind,
    importance,
    macsRatio: ratio('macs'),
    parametersRatio: ratio('parameters'),
    groups,
    ...(left.length > 0 && { left: [...left] }),
    steps,
  };
}

/** What pruning would do, without writing it. */
export async function planReport(
  bench: Workbench,
  pruned: Pruned,
  method: Method,
  options: PruneOptions & { output: string },
  startedAt: Date,
): Promise<Report> {
  const { provider } = bench;
  const planned = await foresee(pruned.model, bench);
  const models = [
    { role: 'original', path: bench.path, model: bench.model, bytes: await modelBytes(bench.path, bench.model) },
    { role: 'compressed', path: options.output, model: planned.model, bytes: planned.bytes },
  ];
  const [before, after] = (await Promise.all(models.map((one) => modelReport({ ...one, provider })))) as [
    ModelReport,
    ModelReport,
  ];
  const run = { provider, threads: 1, data: undefined };
  return {
    ...reportHead('prune', { ...options }, startedAt, run),
    models: [before, after],
    pruning: pruningReport(method, before, after, pruned, []),
    gates: [],
    warnings: [],
  };
}

/** Prints what pruning would do. */
export function showPlan({ models, pruning }: Report, { print }: CommandContext): void {
  const [before, after] = models as [ModelReport, ModelReport];
  const { groups, left = [], macsRatio, parametersRatio } = pruning!;
  const sizes = `${formatBytes(after.bytes)} instead of ${formatBytes(before.bytes)}`;
  const percent = (ratio: number) => `${(100 / ratio).toFixed(1)} %`;
  print(
    `would write ${after.path}: ${percent(macsRatio)} of the MACs, ${percent(parametersRatio)} of the parameters, ${sizes}`,
  );
  for (const { name, before: had, after: has } of groups) print(`  ${name}: ${has} of ${had}`);
  for (const { name, reason } of left) print(`  ${name} stays: ${reason}`);
}

/** What a user should know of a pruned model. */
export function pruningWarnings(
  { models, training }: Report,
  kind: PruningKind,
  calibration: Calibration | undefined,
  test: TaskData | undefined,
): string[] {
  const [before, pruned, after] = ['original', PRUNED, 'compressed'].map((role) =>
    models.find((model) => model.role === role),
  );
  const [untrained, trained] = [pruned?.metrics?.accuracy, after!.metrics?.accuracy];
  const warnings: string[] = [];
  if (untrained !== undefined && trained !== undefined && trained < untrained)
    warnings.push(
      `training did harm: ${formatPercent(trained)} after it, ${formatPercent(untrained)} before; try a lower --lr`,
    );
  if (kind === 'weights') warnings.push(zerosText(before!, after!));
  else if (calibration?.warning) warnings.push(calibration.warning);
  if (!test && !training) warnings.push('accuracy was not checked: no labelled data was given (--data)');
  if (test && !test.labels.labelled) warnings.push('accuracy was not checked: the data has no labels');
  return warnings;
}

/** A file that is smaller by less is as large as it was. */
const NOTICEABLE = 0.98;

function zerosText(before: ModelReport, after: ModelReport): string {
  const file =
    after.bytes < NOTICEABLE * before.bytes
      ? 'the file is smaller as only what is not zero is stored'
      : 'the file is as large as it was, unless it is packed';
  const packed = `${formatBytes(after.gzipBytes!)} instead of ${formatBytes(before.gzipBytes!)} by gzip`;
  return `zeros make nothing faster in ONNX Runtime, which multiplies by them like by other numbers; ${file} (${packed}). Fewer channels make models smaller and faster: --macs, --parameters`;
}
