// Evaluates and calibrates a model with one worker and with two, each of one thread, in turns; see README.md beside it.
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { openTask } from '../../dist/data/task.js';
import { evaluateModels } from '../../dist/evaluate/evaluate-models.js';
import { ratioInterval } from '../../dist/evaluate/ratio.js';
import { readModel } from '../../dist/onnx/read.js';
import { collectStatistics } from '../../dist/passes/quantize/calibrate.js';
import { Session } from '../../dist/runtime/session.js';
import { folder, markdown, zoo } from './way.mjs';

const DATA = { fashion: 'fashion-mnist/t10k-images-idx3-ubyte.gz', digits: 'spoken-digits/test' };
const MODELS = ['fashion-resnet', 'digits-dscnn'];
const ROUNDS = 5;
const session = { threads: 1 };

const rows = [];
for (const name of MODELS) {
  const path = join(zoo, 'models', name, 'model.onnx');
  const { inputs, outputs } = await Session.create(path);
  const data = await openTask(join(zoo, 'data', DATA[name.split('-')[0]]), path, { inputs, outputs });
  const indices = [...Array(Math.min(4000, data.dataset.size)).keys()];
  const model = readModel(path);
  const values = model.graph.nodes.flatMap((node) => (node.type === 'Conv' ? node.outputs : []));
  const batches = async function* () {
    for await (const { feeds } of data.stream(indices.slice(0, 1024), 16)) yield feeds;
  };
  const work = {
    evaluation: (workers) => evaluateModels([path], data, { indices, workers, session }),
    calibration: (workers) => collectStatistics(model, values, batches, { histograms: true, workers, session }),
  };
  for (const [what, run] of Object.entries(work)) {
    const speeds = { 1: [], 2: [] };
    for (let round = 0; round <= ROUNDS; round++)
      for (const workers of round % 2 ? [2, 1] : [1, 2]) {
        const start = performance.now();
        await run(workers);
        if (round) speeds[workers].push(1 / (performance.now() - start));
      }
    const { value, low, high } = ratioInterval(speeds[2], speeds[1]);
    rows.push([name, what, `${value.toFixed(2)} (${low.toFixed(2)}–${high.toFixed(2)})`]);
  }
}
const table = markdown(['model', '', 'two workers, times as fast as one'], rows);
writeFileSync(join(folder, 'evaluate.md'), table);
process.stdout.write(table);
process.exit(0);
