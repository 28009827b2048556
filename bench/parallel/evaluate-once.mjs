// Evaluates or calibrates a model, a process of its own: node evaluate-once.mjs SETTINGS.
import { join } from 'node:path';
import { openTask } from '../../dist/data/task.js';
import { evaluateModels } from '../../dist/evaluate/evaluate-models.js';
import { readModel } from '../../dist/onnx/read.js';
import { collectStatistics } from '../../dist/passes/quantize/calibrate.js';
import { Session } from '../../dist/runtime/session.js';
import { zoo } from './way.mjs';

const { model: name, data: dataPath, samples, what, workers } = JSON.parse(process.argv[2]);
const session = { threads: 1 };
const path = join(zoo, 'models', name, 'model.onnx');
const { inputs, outputs } = await Session.create(path);
const data = await openTask(join(zoo, 'data', dataPath), path, { inputs, outputs });
const indices = Array.from({ length: Math.min(samples, data.dataset.size) }, (_, index) => index);
const model = readModel(path);
const values = model.graph.nodes.flatMap((node) => (node.type === 'Conv' ? node.outputs : []));

async function* batches() {
  for await (const { feeds } of data.stream(indices, 16)) yield feeds;
}

const work = {
  evaluation: () => evaluateModels([path], data, { indices, workers, session }),
  calibration: () => collectStatistics(model, values, batches, { histograms: true, workers, session }),
};
await work[what]();
const start = performance.now();
await work[what]();
process.stdout.write(`${JSON.stringify({ samplesPerSecond: (1e3 * indices.length) / (performance.now() - start) })}\n`);
process.exit(0);
