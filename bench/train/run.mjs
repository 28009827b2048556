// Trains the same models on the same batches with nncompress and with PyTorch, in turns; see README.md beside it.
import { existsSync, mkdirSync, writeFileSync } from 'node:fs';
import { cpus, loadavg, totalmem } from 'node:os';
import { join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { ratioInterval } from '../../dist/evaluate/ratio.js';
import { jsonOf, spread } from '../execute.mjs';
import { batchesOf, CASES } from './cases.mjs';
import { markdownTables } from './tables.mjs';

const here = (name) => fileURLToPath(new URL(name, import.meta.url));
const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    rounds: { type: 'string', default: '5' },
    steps: { type: 'string', default: '25' },
    threads: { type: 'string', default: '2' },
    only: { type: 'string' },
  },
});
const [rounds, steps, threads] = [values.rounds, values.steps, values.threads].map(Number);
const cases = positionals.length ? positionals.map(caseOf) : CASES;
const zoo = resolve(process.env.NNCOMPRESS_ZOO ?? here('../../../shared/zoo'));
if (!existsSync(zoo)) throw new Error(`no models at ${zoo}; name their folder with NNCOMPRESS_ZOO`);
const python = process.env.NNCOMPRESS_PYTHON ?? 'python3';
const folder = here('./results');
mkdirSync(folder, { recursive: true });

/** Both losses follow the same curve where rounding alone does not take them apart: README.md, "Loss curves". */
const CURVE = { steps: 100, optimizer: 'sgd', lr: 0.001 };
const SPEED = { steps, optimizer: 'adam', lr: 0.001 };

const SIDES = {
  ours: (settings) => jsonOf(process.execPath, [here('ours.mjs'), JSON.stringify({ zoo, warmup: 5, ...settings })]),
  peer: ({ model, rows, optimizer, lr, tokens, batchNorm }) =>
    jsonOf(python, [
      ...[here('peer.py'), 'train', zoo, model, '--rows', rows, '--optimizer', optimizer, '--lr', lr],
      ...['--threads', threads, '--tokens', tokens ?? 0, '--batch-norm', batchNorm ?? 'frozen'],
    ]),
};
const sides = Object.keys(SIDES).filter((name) => !values.only || values.only === name);

const machine = { date: new Date().toISOString(), cpu: cpus()[0].model, cores: cpus().length, memoryBytes: totalmem() };
const results = [];
for (const entry of cases) {
  results.push({ ...entry, curve: curve(entry), speed: speed(entry) });
  writeFileSync(
    join(folder, 'results.json'),
    `${JSON.stringify({ machine, rounds, steps, threads, results }, null, 2)}\n`,
  );
}
const tables = markdownTables(results);
writeFileSync(join(folder, 'results.md'), tables);
process.stdout.write(tables);

/** The loss of every step of both sides, and where they are furthest apart. */
function curve(entry) {
  if (sides.length < 2) return undefined;
  say(entry, 'loss curve');
  const [ours, peer] = sides.map((side) => SIDES[side](settingsOf(entry, CURVE)).losses);
  const apart = ours.map((loss, step) => Math.abs(loss - peer[step]) / Math.abs(peer[step]));
  const furthest = apart.indexOf(Math.max(...apart));
  return { ours, peer, apart: apart[furthest], step: furthest };
}

/** Both sides in turns, in turned order every other round. */
function speed(entry) {
  const runs = Object.fromEntries(sides.map((side) => [side, []]));
  const loads = [];
  for (let round = 0; round < rounds; round++) {
    say(entry, `round ${round + 1}`);
    loads.push(loadavg()[0]);
    for (const side of round % 2 ? sides.toReversed() : sides) runs[side].push(SIDES[side](settingsOf(entry, SPEED)));
  }
  const perSide = Object.entries(runs).map(([side, done]) => [
    side,
    {
      samplesPerSecond: spread(done.map((run) => run.samplesPerSecond)),
      peakMemoryBytes: spread(done.map((run) => run.peakMemoryBytes)),
    },
  ]);
  const speeds = (side) => runs[side].map((run) => run.samplesPerSecond);
  const ratio = sides.length === 2 ? ratioInterval(speeds('ours'), speeds('peer')) : undefined;
  return { ...Object.fromEntries(perSide), ratio, load: spread(loads) };
}

/** What either side is told; the batches lie in a file. */
function settingsOf(entry, { steps: count, optimizer, lr }) {
  const rows = join(folder, `${entry.model}-${count}.rows.json`);
  writeFileSync(rows, JSON.stringify(batchesOf(entry, count)));
  return { ...entry, rows, optimizer, lr };
}

function caseOf(name) {
  const found = CASES.find(({ model }) => model === name);
  if (!found) throw new Error(`no model ${name}; there are ${CASES.map(({ model }) => model).join(', ')}`);
  return found;
}

function say({ model }, what) {
  process.stderr.write(`${model}: ${what}, load ${loadavg()[0].toFixed(1)}\n`);
}
