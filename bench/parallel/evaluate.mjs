// Evaluates and calibrates models with one worker and with two, each of one thread, in turns; see README.md beside it.
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { ratioInterval } from '../../dist/evaluate/ratio.js';
import { jsonOf, spread } from '../execute.mjs';
import { apart, folder, here, markdown } from './way.mjs';

const CASES = [
  { model: 'fashion-resnet', data: 'fashion-mnist/t10k-images-idx3-ubyte.gz' },
  { model: 'digits-dscnn', data: 'spoken-digits/train' },
];
const SAMPLES = { evaluation: 10_000, calibration: 2048 };
const ROUNDS = 3;

const once = (settings, workers) => [here('evaluate-once.mjs'), JSON.stringify({ ...settings, workers })];
/** The first is what the others are compared with. */
const WAYS = {
  'one worker': (settings) => jsonOf(process.execPath, once(settings, 1)).samplesPerSecond,
  'two workers': (settings) => jsonOf(process.execPath, once(settings, 2)).samplesPerSecond,
  'the first twice at once': (settings) => apart(...once(settings, 1)).samplesPerSecond,
};

const rows = CASES.flatMap((entry) =>
  Object.entries(SAMPLES).map(([what, samples]) => {
    const found = Object.keys(WAYS).map(() => []);
    for (let round = 0; round < ROUNDS; round++) {
      const turn = [...Object.values(WAYS).entries()];
      for (const [k, run] of round % 2 ? turn.toReversed() : turn) found[k].push(run({ ...entry, what, samples }));
    }
    const [first, ...others] = found;
    const ratios = others.map((speeds) => {
      const { value, low, high } = ratioInterval(speeds, first);
      return `${value.toFixed(2)} (${low.toFixed(2)}–${high.toFixed(2)})`;
    });
    return [entry.model, what, spread(first).median.toFixed(0), ...ratios];
  }),
);
const [first, ...others] = Object.keys(WAYS);
const table = markdown(['model', '', `${first}, samples/s`, ...others], rows);
writeFileSync(join(folder, 'evaluate.md'), table);
process.stdout.write(table);
