// Prunes the same trained models with nncompress and with Torch-Pruning; see README.md beside it.
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { cpus, loadavg } from 'node:os';
import { join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { splitHoldOut } from '../../dist/data/split.js';
import { openTask } from '../../dist/data/task.js';
import { ratioInterval } from '../../dist/evaluate/ratio.js';
import { Session } from '../../dist/runtime/session.js';
import { execute, jsonOf, spread } from '../execute.mjs';
import { firstSamples } from './first-samples.mjs';
import { markdownTable } from './table.mjs';

const here = (name) => fileURLToPath(new URL(name, import.meta.url));

/** Ways to prune: which side does, and what it is told beside the target. */
const WAYS = {
  ours: { run: pruneHere, args: [] },
  'ours-labels': { run: pruneHere, args: ['--no-distill'] },
  peer: { run: pruneInPython, args: [] },
  'peer-16': { run: pruneInPython, args: ['--round-to', 16] },
};
const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    targets: { type: 'string', default: '0.49,0.24' },
    ways: { type: 'string', default: Object.keys(WAYS).join() },
    seeds: { type: 'string', default: '1' },
    epochs: { type: 'string', default: '2' },
    batch: { type: 'string', default: '64' },
    lr: { type: 'string', default: '0.001' },
    samples: { type: 'string' },
    threads: { type: 'string', default: '2' },
    seconds: { type: 'string', default: '5' },
  },
});
const unknown = values.ways.split(',').find((way) => !(way in WAYS));
if (unknown) throw new Error(`no way ${unknown}; there are ${Object.keys(WAYS).join(', ')}`);

/** Of both sides; the weights of the last epoch are taken. */
const RECIPE = { holdOut: 0.1, warmup: 0.05, decay: 0.01 };
const BATCHES = [1, 32];

const zoo = resolve(process.env.NNCOMPRESS_ZOO ?? here('../../../shared/zoo'));
if (!existsSync(zoo)) throw new Error(`no models at ${zoo}; name their folder with NNCOMPRESS_ZOO`);
const python = process.env.NNCOMPRESS_PYTHON ?? 'python3';
const folder = here('./results');
mkdirSync(folder, { recursive: true });
const test = join(zoo, 'data/fashion-mnist/t10k-images-idx3-ubyte.gz');
const train = firstSamples(join(zoo, 'data/fashion-mnist/train-images-idx3-ubyte.gz'), values.samples, folder);

const results = [];
for (const model of positionals.length ? positionals : ['fashion-resnet'])
  for (const target of values.targets.split(',').map(Number))
    for (let seed = 0; seed < Number(values.seeds); seed++) {
      results.push(...(await compare(model, target, seed)));
      const machine = { date: new Date().toISOString(), cpu: cpus()[0].model, cores: cpus().length };
      writeFileSync(
        join(folder, 'results.json'),
        `${JSON.stringify({ machine, recipe: RECIPE, options: values, results }, null, 2)}\n`,
      );
    }
const table = markdownTable(results, BATCHES);
writeFileSync(join(folder, 'results.md'), table);
process.stdout.write(table);
process.exit(0);

/** Prunes in every way, one after the other, and then times all models in turns. */
async function compare(model, target, seed) {
  const found = [];
  for (const way of values.ways.split(',')) {
    process.stderr.write(`${model} to ${target}, seed ${seed}: ${way}, load ${loadavg()[0].toFixed(1)}\n`);
    const out = join(folder, `${model}-${target}-${seed}-${way}.onnx`);
    const start = performance.now();
    const result = await WAYS[way].run({ model, target, seed, out, args: WAYS[way].args });
    found.push({ model, target, seed, way, ...result, seconds: (performance.now() - start) / 1000, out });
  }
  const paths = [modelOf(model), ...found.map(({ out }) => out)];
  const times = jsonOf(python, [
    ...[here('latency.py'), ...paths, '--batches', BATCHES.join(), '--seconds', values.seconds],
  ]);
  const whole = macsOf(modelOf(model));
  return found.map(({ out, ...result }, k) => ({
    ...result,
    macs: macsOf(out) / whole,
    speedups: BATCHES.map((batch) => ratioInterval(times[batch][0], times[batch][k + 1])),
    milliseconds: BATCHES.map((batch) => spread(times[batch][k + 1]).median),
  }));
}

/** Accuracy before pruning, after it and after training, and seconds of training. */
function pruneHere({ model, target, seed, out, args }) {
  const report = out.replace(/onnx$/, 'json');
  const { holdOut, warmup, decay } = RECIPE;
  execute(process.execPath, [
    ...[here('../../bin/nncompress.js'), 'prune', modelOf(model), '--macs', target, '--quiet', '--force'],
    ...['--train', train, '--data', test, '--hold-out', holdOut, '--epochs', values.epochs, '--batch', values.batch],
    ...['--lr', values.lr, '--optimizer', 'adamw', '--weight-decay', decay, '--schedule', 'cosine'],
    ...['--warmup', warmup, '--seed', seed, '--no-benchmark', '--teacher-cache', join(folder, 'teacher-outputs')],
    ...['-o', out, '--report', report, ...args],
  ]);
  const { models, training } = JSON.parse(readFileSync(report, 'utf8'));
  const accuracy = (role) => models.find((one) => one.role === role).metrics.accuracy;
  return {
    original: accuracy('original'),
    pruned: accuracy('pruned'),
    trained: accuracy('compressed'),
    trainSeconds: training.seconds,
  };
}

/** The same by Torch-Pruning, which learns from the same samples. */
async function pruneInPython({ model, target, seed, out, args }) {
  const held = out.replace(/onnx$/, 'held.json');
  const { inputs, outputs } = await Session.create(modelOf(model));
  const data = await openTask(train, modelOf(model), { inputs, outputs });
  writeFileSync(held, JSON.stringify(splitHoldOut(data, RECIPE.holdOut, seed).held));
  const { warmup, decay } = RECIPE;
  return jsonOf(python, [
    ...[here('peer.py'), zoo, model, '--macs', target, '--held', held, '--samples', data.dataset.size],
    ...['--epochs', values.epochs, '--batch', values.batch, '--lr', values.lr, '--warmup', warmup],
    ...['--decay', decay, '--seed', seed, '--threads', values.threads, '--out', out, ...args],
  ]);
}

/** Multiply-accumulates of a sample. */
function macsOf(path) {
  const shown = execute(process.execPath, [here('../../bin/nncompress.js'), 'inspect', path, '--json']);
  return JSON.parse(shown).models[0].macs;
}

function modelOf(name) {
  return join(zoo, 'models', name, 'model.onnx');
}
