// Our side of the comparison, a process of its own: node ours.mjs SETTINGS, where SETTINGS is the JSON that `train` takes.
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { batches } from '../../dist/data/batches.js';
import { batchTargets } from '../../dist/data/targets.js';
import { openTask } from '../../dist/data/task.js';
import { readModel } from '../../dist/onnx/read.js';
import { Session } from '../../dist/runtime/session.js';
import { classification, ROW_WEIGHTS, TARGETS } from '../../dist/training/objectives.js';
import { prepareForTraining } from '../../dist/training/prepare.js';
import { bestReplicas, Replicas } from '../../dist/training/replicas.js';
import { buildStepGraph } from '../../dist/training/step-graph.js';

const DATA = {
  fashion: 'fashion-mnist/train-images-idx3-ubyte.gz',
  digits: 'spoken-digits/train',
  banking: 'banking77/train.csv',
};

/**
 * Trains a model of the zoo on given batches.
 * @param settings zoo (folder), model (name), rows (path of a JSON list of batches, each a list of rows of the training
 * split), optimizer ('sgd' or 'adam'), lr, tokens (texts are padded to so many), batchNorm ('frozen' or 'train'), warmup
 * (first steps that samplesPerSecond leaves out)
 * @returns losses and stepMs of every step, samplesPerSecond, and peakMemoryBytes of this process
 */
async function train({ zoo, model: name, rows: rowsFile, optimizer, lr, tokens, batchNorm, warmup }) {
  const path = join(zoo, 'models', name, 'model.onnx');
  const rows = JSON.parse(readFileSync(rowsFile, 'utf8'));
  const { inputs, outputs } = await Session.create(path);
  const preprocessing = tokens ? { text: { padding: 'max', maxLength: tokens } } : {};
  const data = await openTask(
    join(zoo, 'data', DATA[name.split('-')[0]]),
    path,
    { inputs, outputs },
    { preprocessing },
  );
  const feeds = batchFeeds(data, rows);
  const first = (await feeds.next()).value;
  const trainable = await prepareForTraining(readModel(path));
  const batchStatistics = batchNorm === 'train';
  const replicas = bestReplicas(trainable.parameters, batchStatistics);
  const graph = await buildStepGraph(trainable, {
    objective: classification({
      ...{ output: data.output, kind: data.kind, probabilities: false, labelSmoothing: 0 },
      classes: data.labels.classes.length,
    }),
    batchStatistics,
    typical: first,
    rows: Math.ceil(rows[0].length / replicas),
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
    samplesPerSecond: (timed.length * rows[0].length) / seconds,
    peakMemoryBytes: process.resourceUsage().maxRSS * 1024,
  };
}

async function* batchFeeds(data, rows) {
  const options = { indices: rows.flat(), batchSize: rows[0].length };
  for await (const { indices, feeds } of batches(data.dataset, data.preprocessor, options)) {
    const count = indices.length;
    const weights = { type: 'float32', dims: [count], data: new Float32Array(count).fill(1 / count) };
    yield { ...feeds, [TARGETS]: batchTargets(data, indices), [ROW_WEIGHTS]: weights };
  }
}

function optimizerOf(name) {
  return {
    ...{ name, momentum: 0, nesterov: false, betas: [0.9, 0.999], epsilon: 1e-8 },
    ...{ weightDecay: 0, maxGradientNorm: 0, emaDecay: 0 },
  };
}

process.stdout.write(`${JSON.stringify(await train(JSON.parse(process.argv[2])))}\n`);
process.exit(0);
