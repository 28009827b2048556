// Trains the same models on the same batches with the work shared out in several ways, in turns; see README.md beside it.
import { readFileSync, writeFileSync } from 'node:fs';
import { loadavg } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { ratioInterval } from '../../dist/evaluate/ratio.js';
import { spread } from '../execute.mjs';
import { CASES } from '../train/cases.mjs';
import { folder, markdown, run } from './way.mjs';

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    rounds: { type: 'string', default: '5' },
    steps: { type: 'string', default: '25' },
    batch: { type: 'string' },
    gradients: { type: 'boolean', default: false },
  },
});
const [rounds, steps] = [values.rounds, values.steps].map(Number);
const SPEED_CASES = ['fashion-resnet', 'digits-dscnn'];
const wanted = positionals.length ? positionals : values.gradients ? CASES.map(({ model }) => model) : SPEED_CASES;
const cases = CASES.filter(({ model }) => wanted.includes(model)).map((entry) => ({
  ...entry,
  batch: Number(values.batch ?? entry.batch),
}));

/** The first is what the others are compared with. */
const WAYS = {
  '1 copy, 1 thread': { workers: 1, threads: 1 },
  '1 copy, 2 threads': { workers: 1, threads: 2 },
  'the same twice at once': { workers: 1, threads: 1, isTwice: true },
  '2 copies, 1 thread each': { workers: 2, threads: 1 },
  '2 processes by mpirun': { workers: 2, threads: 1, mpi: 2 },
  'pipeline of 2': { workers: 1, pipeline: 2 },
  'pipeline of 2 processes': { workers: 1, pipeline: 2, mpi: 2 },
};
/** Figures of a run: in the first epoch samples are read and prepared, later they are there. */
const EPOCHS = { first: 'firstSamplesPerSecond', later: 'samplesPerSecond' };
const GRADIENT_WAYS = {
  '1 copy': { workers: 1, threads: 1 },
  '2 copies': { workers: 2, threads: 1 },
  '3 copies': { workers: 3, threads: 1 },
  '4 copies': { workers: 4, threads: 1 },
  'pipeline of 2': { workers: 1, pipeline: 2 },
  'pipeline of 3': { workers: 1, pipeline: 3 },
  '2 pipelines of 2': { workers: 2, pipeline: 2 },
};

/** Gradients that are this much smaller than the largest of all tensors are zero but for rounding: those of key biases. */
const ROUNDING = 1e-6;

const table = values.gradients ? gradientTable() : speedTable();
writeFileSync(join(folder, values.gradients ? 'gradients.md' : 'speed.md'), table);
process.stdout.write(table);

/** Samples per second of each way over those of the first, measured in turns: while samples are prepared, and later. */
function speedTable() {
  const rows = cases.flatMap((entry) => {
    const found = Object.fromEntries(Object.keys(WAYS).map((way) => [way, []]));
    for (let round = 0; round < rounds; round++)
      for (const [way, settings] of round % 2 ? Object.entries(WAYS).toReversed() : Object.entries(WAYS)) {
        process.stderr.write(`${entry.model}: ${way}, round ${round + 1}, load ${loadavg()[0].toFixed(1)}\n`);
        found[way].push(run(entry, settings, steps));
      }
    return Object.entries(EPOCHS).map(([epochs, speed]) => {
      const [first, ...others] = Object.values(found).map((runs) => runs.map((one) => one[speed]));
      const ratio = (speeds) => {
        const { value, low, high } = ratioInterval(speeds, first);
        return `${value.toFixed(2)} (${low.toFixed(2)}–${high.toFixed(2)})`;
      };
      return [entry.model, entry.batch, epochs, spread(first).median.toFixed(0), ...others.map(ratio)];
    });
  });
  const [first, ...others] = Object.keys(WAYS);
  return markdown(['model', 'batch', 'epoch', `${first}, samples/s`, ...others], rows);
}

/** The furthest that a gradient is from that of one copy, over the largest element of its tensor. */
function gradientTable() {
  const [reference, ...others] = Object.entries(GRADIENT_WAYS);
  const rows = cases.map((entry) => {
    const gradientsOf = ([way, settings]) => {
      process.stderr.write(`${entry.model}: ${way}\n`);
      const gradients = join(folder, 'gradients.json');
      run({ ...entry, batchNorm: 'frozen' }, { ...settings, gradients }, 1);
      return JSON.parse(readFileSync(gradients, 'utf8'));
    };
    const expected = gradientsOf(reference);
    return [entry.model, ...others.map((way) => apart(gradientsOf(way), expected).toExponential(1))];
  });
  return markdown(['model', ...others.map(([way]) => way)], rows);
}

function apart(found, expected) {
  let worst = 0;
  const largestOf = (gradient) => gradient.reduce((most, value) => Math.max(most, Math.abs(value)), 0);
  const least = ROUNDING * Math.max(...Object.values(expected).map(largestOf));
  for (const [name, gradient] of Object.entries(expected)) {
    const largest = largestOf(gradient);
    if (largest <= least) continue;
    if (!found[name]) throw new Error(`no gradient of ${name}`);
    for (const [k, value] of gradient.entries()) worst = Math.max(worst, Math.abs(found[name][k] - value) / largest);
  }
  return worst;
}
