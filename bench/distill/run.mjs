// Distills the same students from the same teacher outputs with nncompress and with PyTorch; see README.md beside it.
import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { cpus } from 'node:os';
import { join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { splitHoldOut } from '../../dist/data/split.js';
import { openTask } from '../../dist/data/task.js';
import { Session } from '../../dist/runtime/session.js';
import { execute, jsonOf } from '../execute.mjs';

const here = (name) => fileURLToPath(new URL(name, import.meta.url));
const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    seeds: { type: 'string', default: '3' },
    epochs: { type: 'string' },
    losses: { type: 'string', default: 'kd,dkd' },
    threads: { type: 'string', default: '2' },
  },
});

/** Students, their teachers and how they learn. */
const CASES = [
  {
    name: 'fashion',
    ...{ student: 'fashion-cnn-small', teacher: 'fashion-resnet', epochs: 3, batch: 64, lr: 0.002 },
    ...{ train: 'fashion-mnist/train-images-idx3-ubyte.gz', test: 'fashion-mnist/t10k-images-idx3-ubyte.gz' },
  },
  {
    name: 'banking',
    ...{ student: 'banking-textcnn', teacher: 'banking-minilm', epochs: 8, batch: 32, lr: 0.003 },
    ...{ train: 'banking77/train.csv', test: 'banking77/test.csv' },
  },
].filter(({ name }) => !positionals.length || positionals.includes(name));

/** Of both sides. */
const RECIPE = { temperature: 4, alpha: 0.5, beta: 8, holdOut: 0.1, warmup: 0.05, decay: 0.01 };

const zoo = resolve(process.env.NNCOMPRESS_ZOO ?? here('../../../shared/zoo'));
if (!existsSync(zoo)) throw new Error(`no models at ${zoo}; name their folder with NNCOMPRESS_ZOO`);
const python = process.env.NNCOMPRESS_PYTHON ?? 'python3';
const folder = here('./results');
mkdirSync(folder, { recursive: true });

const results = [];
for (const entry of CASES) {
  const settings = { ...entry, epochs: Number(values.epochs ?? entry.epochs) };
  for (const loss of values.losses.split(','))
    for (let seed = 0; seed < Number(values.seeds); seed++) {
      const ours = await distill(settings, loss, seed);
      const peer = await distillInPython(settings, loss, seed);
      results.push({ case: entry.name, loss, seed, epochs: settings.epochs, ours, peer });
      process.stderr.write(`${entry.name}, ${loss}, seed ${seed}: ours ${ours}, PyTorch ${peer}\n`);
      const machine = { date: new Date().toISOString(), cpu: cpus()[0].model, cores: cpus().length };
      writeFileSync(join(folder, 'results.json'), `${JSON.stringify({ machine, recipe: RECIPE, results }, null, 2)}\n`);
    }
}
const table = tableOf(results);
writeFileSync(join(folder, 'results.md'), table);
process.stdout.write(table);
process.exit(0);

/** Accuracy of our student on the test data. */
function distill({ name, student, teacher, epochs, batch, lr, train, test }, loss, seed) {
  const report = join(folder, `${name}-${loss}-${seed}.json`);
  const { temperature, alpha, beta, holdOut, warmup, decay } = RECIPE;
  execute(process.execPath, [
    ...[here('../../bin/nncompress.js'), 'distill', modelOf(student, 'model-untrained.onnx'), '--quiet', '--force'],
    ...['--teacher', modelOf(teacher), '--train', dataOf(train), '--data', dataOf(test)],
    ...['--loss', loss, '--temperature', temperature, '--alpha', alpha, '--beta', beta, '--hold-out', holdOut],
    ...['--epochs', epochs, '--batch', batch, '--lr', lr, '--optimizer', 'adamw', '--weight-decay', decay],
    ...['--schedule', 'cosine', '--warmup', warmup, '--seed', seed, '--no-alone', '--no-benchmark'],
    ...['--teacher-cache', join(folder, name), '-o', join(folder, `${name}.onnx`), '--report', report],
  ]);
  const { models } = JSON.parse(readFileSync(report, 'utf8'));
  return models.find(({ role }) => role === 'compressed').metrics.accuracy;
}

/** Accuracy of PyTorch's student, which holds out the same samples and learns from the same outputs of the teacher. */
async function distillInPython({ name, student, epochs, batch, lr, train }, loss, seed) {
  const held = join(folder, `${name}-${seed}.held.json`);
  const path = modelOf(student, 'model-untrained.onnx');
  const { inputs, outputs } = await Session.create(path);
  const data = await openTask(dataOf(train), path, { inputs, outputs });
  writeFileSync(held, JSON.stringify(splitHoldOut(data, RECIPE.holdOut, seed).held));
  const [cache] = readdirSync(join(folder, name)).filter((file) => file.endsWith('.npy'));
  const { temperature, alpha, beta, warmup, decay } = RECIPE;
  const { accuracy } = jsonOf(python, [
    ...[here('peer.py'), zoo, student, '--outputs', join(folder, name, cache), '--held', held, '--loss', loss],
    ...['--temperature', temperature, '--alpha', alpha, '--beta', beta, '--epochs', epochs, '--batch', batch],
    ...['--lr', lr, '--warmup', warmup, '--decay', decay, '--seed', seed, '--threads', values.threads],
  ]);
  return accuracy;
}

function modelOf(name, file = 'model.onnx') {
  return join(zoo, 'models', name, file);
}

function dataOf(path) {
  return join(zoo, 'data', path);
}

/** A line for each student and loss: the mean of the seeds on both sides, and each seed. */
function tableOf(all) {
  const groups = [...new Set(all.map((one) => `${one.case} | ${one.loss} | ${one.epochs}`))];
  const percent = (value) => (100 * value).toFixed(2);
  const mean = (numbers) => numbers.reduce((sum, number) => sum + number, 0) / numbers.length;
  const lines = groups.map((group) => {
    const own = all.filter((one) => `${one.case} | ${one.loss} | ${one.epochs}` === group);
    const sides = ['ours', 'peer'].map((side) => own.map((one) => one[side]));
    const shown = sides.map((side) => `${percent(mean(side))} (${side.map(percent).join(', ')})`);
    return `| ${group} | ${shown.join(' | ')} | ${percent(mean(sides[0]) - mean(sides[1]))} |`;
  });
  const head = '| student | loss | epochs | ours, accuracy (each seed) | PyTorch | apart, points |';
  return `${[head, '| --- | --- | --- | --- | --- | --- |', ...lines].join('\n')}\n`;
}
