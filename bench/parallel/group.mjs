// One way to share out the work, a process of its own: node group.mjs SETTINGS.
import { writeFileSync } from 'node:fs';
import { ALONE, tuneMpi, worldOf } from '../../dist/parallel/world.js';
import { resizeBatch } from '../../dist/runtime/pool.js';
import { TrainingPipeline } from '../../dist/training/pipeline/pipeline.js';
import { planPipeline } from '../../dist/training/pipeline/plan.js';
import { Replicas } from '../../dist/training/replicas.js';
import { buildStepGraph } from '../../dist/training/step-graph.js';
import { tensorsOf } from '../../dist/training/weights.js';
import { openCase, optimizerOf } from '../train/open-case.mjs';

/** The gradients of the first batch are what a step of plain descent with this rate takes away, divided by it. */
const RATE = 1000;

/**
 * Trains a model of the zoo on given batches, or takes the gradients of the first.
 * @param settings those of `openCase`, and workers (copies of all processes), threads, pipeline (stages; none where absent), mpi,
 * warmup, gradients (a file to write them to, instead of training)
 */
async function measure({ workers, threads, pipeline, mpi, warmup, gradients, ...settings }) {
  const world = mpi ? worldOf('mpi') : ALONE;
  if (mpi) tuneMpi();
  const share = mpi ? { part: Math.floor(world.rank / (pipeline || 1)), parts: workers } : undefined;
  const opened = await openCase({ ...settings, share });
  const { feeds, batchSize } = opened;
  const first = (await feeds.next()).value;
  const optimizer = optimizerOf(gradients ? 'sgd' : 'adam');
  const team = pipeline
    ? await stages(opened, first, { copies: workers, pipeline, optimizer, world })
    : await copies(opened, first, { workers, threads, optimizer, world });
  if (gradients) return writeGradients(team, opened, first, gradients);
  const stepMs = [];
  for (let step = 1, batch = first; batch; step++, batch = (await feeds.next()).value) {
    const start = performance.now();
    await team.step(pipeline && world.rank % pipeline ? {} : batch, { learningRate: 0.001, step, update: true });
    stepMs.push(performance.now() - start);
  }
  const timed = stepMs.slice(warmup);
  const seconds = timed.reduce((sum, ms) => sum + ms, 0) / 1e3;
  if (world.rank) return undefined;
  return { stepsPerSecond: timed.length / seconds, samplesPerSecond: (timed.length * batchSize) / seconds };
}

async function copies({ trainable, objective, batchSize }, typical, { workers, threads, optimizer, world }) {
  const graph = await buildStepGraph(trainable, { objective, typical, rows: Math.ceil(batchSize / workers) });
  return Replicas.create(graph, { optimizer, replicas: workers, session: { threads }, world });
}

async function stages({ trainable, objective, output, batchSize }, typical, { copies, pipeline, optimizer, world }) {
  const rows = Math.ceil(batchSize / copies / (4 * pipeline));
  const options = { stages: pipeline, objective, output, rows, typical: resizeBatch(typical, rows) };
  return TrainingPipeline.create(await planPipeline(trainable, options), {
    optimizer,
    copies,
    world,
    session: { threads: 1 },
  });
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
