import { pickIndices } from '../data/sample.js';
import type { TaskData } from '../data/task.js';
import { joined } from '../group.js';
import type { Model } from '../ir/model.js';
import { probeExits } from '../passes/exits/probe.js';
import type { Exit } from '../passes/exits/stages.js';
import { MEASURES, type Measure, type ScoreForm } from '../passes/exits/uncertainty.js';
import { runPool } from '../runtime/pool.js';
import type { SessionOptions } from '../runtime/protocol.js';
import { withLoadable } from '../runtime/source.js';
import { ClassificationAccumulator, type Target } from './classification.js';
import { floatsOf } from './evaluate-models.js';
import { classesOf, logitsFrom } from './soft-targets.js';
import { calibrateTemperature } from './temperature.js';
import type { ExitTable } from './thresholds.js';

/** A model with several exits, and the form of their scores. */
export interface ExitModel {
  flat: Model;
  /** The last one is the model's own output. */
  exits: readonly Exit[];
  form: ScoreForm;
  /** Multiply-accumulates up to each exit, as a share of those of the original. */
  costs: readonly number[];
  /** Those of what each exit alone needs. */
  own: readonly number[];
  /** The model that losses are counted from and its output, where that is not the last exit. */
  original?: { model: Model; output: string } | undefined;
}

/** How exits are run over data. */
export interface ExitRun {
  data: TaskData;
  indices: readonly number[];
  workers: number;
  session: SessionOptions;
  onProgress?: ((samples: number) => void) | undefined;
}

/** Scores of each exit; a sample without label is taken for what the original takes it for. */
interface ExitBatch {
  scores: Float32Array[];
  original: Float32Array;
  unsure: Float32Array[][];
  targets: Target[];
}

async function runExits(
  { flat, exits, form, original }: ExitModel,
  measures: readonly Measure[],
  { data, indices, workers, session, onProgress }: ExitRun,
  use: (batch: ExitBatch) => void,
): Promise<void> {
  const probe = await probeExits(flat, exits, form, measures);
  const options = { workers, session, fixedBatch: data.fixedBatch };
  await withLoadable([probe.model, ...(original ? [original.model] : [])], async (models) => {
    for await (const { batch, outputs } of runPool(models, data.stream(indices), options)) {
      const values = (name: string) => floatsOf(outputs[0]![name]!);
      const scores = probe.scores.map(values);
      const before = original ? floatsOf(outputs[1]![original.output]!) : scores.at(-1)!;
      const logits = logitsFrom(before, kindOf(form), form.kind);
      const classes = (row: number) => classesOf(logits.subarray(row * form.width, (row + 1) * form.width), form.kind);
      use({
        scores,
        original: before,
        unsure: probe.unsure.map((names) => names.map(values)),
        targets: batch.indices.map((index, row) => data.labels.targets[index] ?? classes(row)),
      });
      onProgress?.(batch.indices.length);
    }
  });
}

const kindOf = ({ probabilities }: ScoreForm) => (probabilities ? 'probabilities' : 'logits');

/** Samples that temperatures are found on, and numbers that they may have in all. */
const CALIBRATED = { samples: 2000, numbers: 2e6 };

/** The exits with the temperatures that fit their probabilities to their accuracy on some samples. */
export async function calibrateExits(model: ExitModel, run: ExitRun, seed: number): Promise<Exit[]> {
  const { form, exits } = model;
  const most = Math.min(CALIBRATED.samples, Math.ceil(CALIBRATED.numbers / form.width));
  const parts: ExitBatch[] = [];
  await runExits(model, [], { ...run, indices: someOf(run, most, seed) }, (batch) => parts.push(batch));
  const targets = parts.flatMap((part) => part.targets.map((target) => [target!].flat()));
  return exits.map((exit, k) => {
    if (k === exits.length - 1) return exit;
    const logits = joined(parts.map(({ scores }) => logitsFrom(scores[k]!, kindOf(form), form.kind)));
    return { ...exit, temperature: calibrateTemperature(logits, form.width, targets, form.kind) };
  });
}

function someOf({ data: { dataset }, indices }: ExitRun, most: number, seed: number): number[] {
  const label = (place: number) => dataset.label(indices[place]!);
  return pickIndices({ size: indices.length, label }, most, seed).map((place) => indices[place]!);
}

/** What was found of samples at each exit. */
export interface ExitRecords {
  samples: number;
  /** The decisions of each exit. */
  exits: ClassificationAccumulator[];
  /** The table that thresholds are chosen by, for a measure of uncertainty. */
  table(measure: Measure): ExitTable;
}

/** Runs every sample through all exits. Memory grows with the samples by a few numbers for each. */
export async function recordExits(
  model: ExitModel,
  run: ExitRun,
  measures: readonly Measure[] = MEASURES,
): Promise<ExitRecords> {
  const { exits, form, costs, own, original } = model;
  const { classes } = run.data.labels;
  const names = form.kind === 'binary' && classes.length < 2 ? ['0', '1'] : classes;
  const options = { outputKind: kindOf(form) } as const;
  const accumulators = exits.map(() => new ClassificationAccumulator(names, form.kind, options));
  const before = new ClassificationAccumulator(names, form.kind, options);
  const unsure = exits.map(() => measures.map((): number[] => []));
  await runExits(model, measures, run, (batch) => {
    for (const [k, scores] of batch.scores.entries()) {
      accumulators[k]!.add(scores, batch.targets);
      for (const [m, values] of batch.unsure[k]!.entries())
        for (const value of values) unsure[k]![m]!.push(Number.isNaN(value) ? Number.POSITIVE_INFINITY : value);
    }
    if (original) before.add(batch.original, batch.targets);
  });
  for (const accumulator of accumulators) accumulator.checkFinite();
  const samples = accumulators[0]!.predictions.size;
  const wrongOf = ({ predictions }: ClassificationAccumulator) =>
    Uint8Array.from({ length: samples }, (_, sample) => Number(!predictions.isCorrect(sample)));
  const wrong = accumulators.map(wrongOf);
  const wrongBefore = original && wrongOf(before);
  return {
    samples,
    exits: accumulators,
    table: (measure) => ({
      size: samples,
      unsure: unsure.slice(0, -1).map((own) => own[measures.indexOf(measure)]!),
      wrong,
      costs,
      own,
      original: wrongBefore,
    }),
  };
}
