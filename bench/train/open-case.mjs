import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { batches } from '../../dist/data/batches.js';
import { batchTargets } from '../../dist/data/targets.js';
import { openTask } from '../../dist/data/task.js';
import { readModel } from '../../dist/onnx/read.js';
import { Session } from '../../dist/runtime/session.js';
import { classification, ROW_WEIGHTS, TARGETS } from '../../dist/training/objectives.js';
import { prepareForTraining } from '../../dist/training/prepare.js';

const DATA = {
  fashion: 'fashion-mnist/train-images-idx3-ubyte.gz',
  digits: 'spoken-digits/train',
  banking: 'banking77/train.csv',
};

/**
 * A model of the zoo, ready to be trained on given batches.
 * @param settings zoo (folder), model (name), rows (path of a JSON list of batches, each a list of rows of the training
 * split), tokens (texts are padded to so many)
 */
export async function openCase({ zoo, model: name, rows: rowsFile, tokens }) {
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
  return {
    batchSize: rows[0].length,
    data,
    indices: [...new Set(rows.flat())],
    output: data.output,
    feeds: batchFeeds(data, rows),
    trainable: await prepareForTraining(readModel(path)),
    objective: classification({
      ...{ output: data.output, kind: data.kind, probabilities: false, labelSmoothing: 0 },
      classes: data.labels.classes.length,
    }),
  };
}

async function* batchFeeds(data, rows) {
  const options = { indices: rows.flat(), batchSize: rows[0].length };
  for await (const { indices, feeds } of batches(data.dataset, data.preprocessor, options)) {
    const count = indices.length;
    const weights = { type: 'float32', dims: [count], data: new Float32Array(count).fill(1 / rows[0].length) };
    yield { ...feeds, [TARGETS]: batchTargets(data, indices), [ROW_WEIGHTS]: weights };
  }
}

/** An optimizer without decay, momentum or clipping. */
export function optimizerOf(name) {
  return {
    ...{ name, momentum: 0, nesterov: false, betas: [0.9, 0.999], epsilon: 1e-8 },
    ...{ weightDecay: 0, maxGradientNorm: 0, emaDecay: 0 },
  };
}
