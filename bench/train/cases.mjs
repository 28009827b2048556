/** What is trained: the batch sizes of each model, and tokens that its texts are padded to. */
export const CASES = [
  { model: 'fashion-resnet', batch: 64 },
  { model: 'fashion-mobilenet', batch: 64 },
  { model: 'fashion-vit', batch: 64 },
  { model: 'fashion-cnn-small', batch: 64 },
  { model: 'digits-lstm', batch: 32 },
  { model: 'digits-dscnn', batch: 32, batchNorm: 'train' },
  { model: 'digits-m5', batch: 32 },
  { model: 'banking-minilm', batch: 16, tokens: 32 },
  { model: 'banking-textcnn', batch: 32 },
  { model: 'banking-gru', batch: 32 },
];

/** Rows of the training split of each kind of model. */
const TRAINING_ROWS = { fashion: 60_000, digits: 2_250, banking: 10_003 };

/** Batches of rows in shuffled order, the same every time; a batch may hold the end of one epoch and the start of the next. */
export function batchesOf({ model, batch }, steps) {
  const random = generator(5);
  const count = TRAINING_ROWS[model.split('-')[0]];
  const rows = [];
  while (rows.length < steps * batch) rows.push(...shuffled(count, random));
  return Array.from({ length: steps }, (_, step) => rows.slice(step * batch, (step + 1) * batch));
}

function shuffled(count, random) {
  const rows = Array.from({ length: count }, (_, row) => row);
  for (let last = count - 1; last > 0; last--) {
    const other = Math.floor(random() * (last + 1));
    [rows[last], rows[other]] = [rows[other], rows[last]];
  }
  return rows;
}

/** Numbers from 0 up to 1: mulberry32 by Tommy Ettinger. */
function generator(seed) {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let t = Math.imul(state ^ (state >>> 15), 1 | state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32;
  };
}
