// Our side of the comparison, a process of its own: node ours.mjs SETTINGS, where SETTINGS is the JSON that `train` takes.
import { bestReplicas, Replicas } from '../../dist/training/replicas.js';
import { buildStepGraph } from '../../dist/training/step-graph.js';
import { openCase, optimizerOf } from './open-case.mjs';

/**
 * Trains a model of the zoo on given batches.
 * @param settings those of `openCase`, and optimizer ('sgd' or 'adam'), lr, batchNorm ('frozen' or 'train'), warmup
 * (first steps that samplesPerSecond leaves out)
 * @returns losses and stepMs of every step, samplesPerSecond, and peakMemoryBytes of this process
 */
async function train({ optimizer, lr, batchNorm, warmup, ...settings }) {
  const { feeds, trainable, objective, batchSize } = await openCase(settings);
  const first = (await feeds.next()).value;
  const batchStatistics = batchNorm === 'train';
  const replicas = bestReplicas(trainable.parameters, batchStatistics);
  const graph = await buildStepGraph(trainable, {
    objective,
    batchStatistics,
    typical: first,
    rows: Math.ceil(batchSize / replicas),
  });
  const team = await Replicas.create(graph, { optimizer: optimizerOf(optimizer), replicas, session: {} });
  const [losses, stepMs, sent] = [[], [], []];
  let last = performance.now();
  const settle = async () => {
    losses.push((await sent.shift()).loss);
    stepMs.push(performance.now() - last);
    last = performance.now();
  };
  for (let step = 1, batch = first; batch; step++, batch = (await feeds.next()).value) {
    sent.push(team.step(batch, { learningRate: lr, step, update: true }));
    if (sent.length > 2) await settle();
  }
  while (sent.length) await settle();
  await team.close();
  const timed = stepMs.slice(warmup);
  const seconds = timed.reduce((sum, ms) => sum + ms, 0) / 1e3;
  return {
    losses,
    stepMs,
    samplesPerSecond: (timed.length * batchSize) / seconds,
    peakMemoryBytes: process.resourceUsage().maxRSS * 1024,
  };
}

process.stdout.write(`${JSON.stringify(await train(JSON.parse(process.argv[2])))}\n`);
process.exit(0);
