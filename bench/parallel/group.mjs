// One way to share out the work, a process of its own: node group.mjs SETTINGS.
import { writeFileSync } from 'node:fs';
import { feedsOf } from '../../dist/commands/training-data.js';
import { ALONE, tuneMpi, worldOf } from '../../dist/parallel/world.js';
import { resizeBatch } from '../../dist/runtime/pool.js';
import { TrainingPipeline } from '../../dist/training/pipeline/pipeline.js';
import { planPipeline } from '../../dist/training/pipeline/plan.js';
import { microBatchesOf } from '../../dist/training/pipeline/schedule.js';
import { Replicas } from '../../dist/training/replicas.js';
import { buildStepGraph } from '../../dist/training/step-graph.js';
import { train } from '../../dist/training/trainer.js';
import { tensorsOf } from '../../dist/training/weights.js';
import { openCase, optimizerOf } from '../train/open-case.mjs';

/** The gradients of the first batch are what a step of plain descent with this rate takes away, divided by it. */
const RATE = 1000;

/** Times that the samples are gone through: in the first they are read and prepared, later they are kept in memory. */
const EPOCHS = 4;

/**
 * Trains a model of the zoo on some of its samples as `finetune` does, or takes the gradients of the first batch.
 * @param settings those of `openCase`, and workers (copies of all processes), threads, pipeline (stages; none where absent), mpi,
 * warmup (steps at the start that are not counted), gradients (a file to write them to, instead of training)
 */
async function measure({ workers, threads, pipeline, mpi, warmup, gradients, ...settings }) {
  const world = mpi ? worldOf('mpi') : ALONE;
  if (mpi) tuneMpi();
  const opened = await openCase(settings);
  const optimizer = optimizerOf(gradients ? 'sgd' : 'adam');
  const first = (await opened.feeds.next()).value;
  const team = pipeline
    ? await stages(opened, first, { copies: workers, pipeline, optimizer, world })
    : await copies(opened, first, { workers, threads, optimizer, world });
  if (gradients) return writeGradients(team, opened, first, gradients);
  const part = pipeline && world.rank % pipeline ? undefined : Math.floor(world.rank / (pipeline || 1));
  const speeds = await speedsOf(team, opened, { warmup, share: mpi ? { part, parts: workers } : undefined });
  return world.rank ? undefined : speeds;
}

async function copies({ trainable, objective, batchSize }, typical, { workers, threads, optimizer, world }) {
  const graph = await buildStepGraph(trainable, { objective, typical, rows: Math.ceil(batchSize / workers) });
  return Replicas.create(graph, { optimizer, replicas: workers, session: { threads }, world });
}

async function stages({ trainable, objective, output, batchSize }, typical, { copies, pipeline, optimizer, world }) {
  const share = Math.ceil(batchSize / copies);
  const rows = Math.ceil(share / microBatchesOf(share, pipeline));
  const options = { stages: pipeline, objective, output, rows, typical: resizeBatch(typical, rows) };
  return TrainingPipeline.create(await planPipeline(trainable, options), {
    optimizer,
    copies,
    world,
    session: { threads: 1 },
  });
}

/**
 * Time between epochs, when a model is measured, is not counted.
 * @returns samples per second in the first epoch after the warm-up, and in later ones, with the steps per second of those
 */
async function speedsOf(team, { data, indices, batchSize }, { warmup, share }) {
  const options = { batchSize, seed: 0, share, classWeights: 'none', epochs: EPOCHS };
  const stepsPerEpoch = Math.ceil(indices.length / batchSize);
  const ends = [];
  await train(team, {
    ...{ epochs: EPOCHS, stepsPerEpoch, accumulate: 1, learningRate: 0.001 },
    schedule: { name: 'constant', warmupSteps: 0, totalSteps: EPOCHS * stepsPerEpoch },
    batches: feedsOf({ data, indices }, options),
    validate: async () => ({ score: 0, figures: {} }),
    onStep: () => ends.push(performance.now()),
  });
  const later = Array.from({ length: EPOCHS - 1 }, (_, epoch) => [
    (epoch + 1) * stepsPerEpoch,
    (epoch + 2) * stepsPerEpoch,
  ]);
  const stepsPerSecond = (spans) => {
    const milliseconds = spans.reduce((sum, [from, to]) => sum + ends[to - 1] - ends[from], 0);
    return (1e3 * spans.reduce((sum, [from, to]) => sum + to - 1 - from, 0)) / milliseconds;
  };
  return {
    firstSamplesPerSecond: batchSize * stepsPerSecond([[warmup, stepsPerEpoch]]),
    samplesPerSecond: batchSize * stepsPerSecond(later),
    stepsPerSecond: stepsPerSecond(later),
  };
}

async function writeGradients(team, { trainable }, batch, file) {
  await team.step(batch, { learningRate: RATE, step: 1, update: true });
  const after = tensorsOf(team.layout, (await team.snapshot()).parameters);
  const found = {};
  for (const { name, tensor } of trainable.parameters) {
    const [before, moved] = [tensor.toFloats(), after.get(name)?.toFloats()];
    if (moved) found[name] = Array.from(before, (value, k) => (value - moved[k]) / RATE);
  }
  writeFileSync(file, JSON.stringify(found));
  return {};
}

const result = await measure(JSON.parse(process.argv[2]));
if (result) process.stdout.write(`${JSON.stringify(result)}\n`);
if (process.env.OMPI_COMM_WORLD_RANK) {
  const { finalizeMpi } = await import('../../dist/parallel/mpi-library.js');
  finalizeMpi();
}
process.reallyExit(0);
