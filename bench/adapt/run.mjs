// Adapts models to corrupted data without its labels, and shows what of the lost accuracy comes back; see README.md beside it.
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { cpus } from 'node:os';
import { join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { openDataset } from '../../dist/data/open.js';
import { seededRandom, shuffled } from '../../dist/random.js';
import { execute } from '../execute.mjs';
import { writeCorrupted } from './corrupted.mjs';

const here = (name) => fileURLToPath(new URL(name, import.meta.url));
const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    methods: { type: 'string', default: 'statistics,entropy,both' },
    corruptions: { type: 'string' },
    samples: { type: 'string' },
    seed: { type: 'string', default: '0' },
    options: { type: 'string', default: '' },
  },
});

const FASHION = {
  train: 'fashion-mnist/train-images-idx3-ubyte.gz',
  test: 'fashion-mnist/t10k-images-idx3-ubyte.gz',
  // Half of the test images are the new domain, the other half judges.
  split: (size) => ({ domain: { from: 'test', share: [0, size / 2] }, judged: [size / 2, size] }),
  corruptions: ['noise=0.2', 'noise=0.4', 'blur=1.5', 'blur=2.5', 'brightness=0.4', 'contrast=0.3', 'shift=3'],
};
const DIGITS = {
  train: 'spoken-digits/train',
  test: 'spoken-digits/test',
  // There are too few test clips to halve: training clips, which models knew without noise, are the new domain.
  split: (size) => ({ domain: { from: 'train', share: [0, 1000] }, judged: [0, size] }),
  corruptions: ['noise=10', 'noise=0', 'gain=-20'],
};
const MODELS = {
  ...Object.fromEntries(
    ['fashion-resnet', 'fashion-mobilenet', 'fashion-cnn-keras', 'fashion-cnn-small'].map((name) => [name, FASHION]),
  ),
  // Its normalizations are those of single samples, which have no statistics.
  'fashion-vit': { ...FASHION, methods: ['entropy'] },
  ...Object.fromEntries(['digits-dscnn', 'digits-m5'].map((name) => [name, DIGITS])),
};
const chosen = positionals.length ? positionals : Object.keys(MODELS);

const zoo = resolve(process.env.NNCOMPRESS_ZOO ?? here('../../../shared/zoo'));
if (!existsSync(zoo)) throw new Error(`no models at ${zoo}; name their folder with NNCOMPRESS_ZOO`);
const folder = here('./results');
mkdirSync(folder, { recursive: true });
const dataOf = (path) => join(zoo, 'data', path);

const methods = values.methods.split(',');
const rows = [];
for (const name of chosen)
  for (const corruption of values.corruptions?.split(';') ?? MODELS[name].corruptions) {
    const row = await adaptTo(name, corruption);
    rows.push(row);
    process.stderr.write(`${lineOf(row)}\n`);
    const machine = { date: new Date().toISOString(), cpu: cpus()[0].model, cores: cpus().length };
    writeFileSync(join(folder, 'results.json'), `${JSON.stringify({ machine, rows }, null, 2)}\n`);
  }
const table = [
  `| model | corruption | clean | corrupted | ${methods.map((method) => `${method}, won back`).join(' | ')} | clean after |`,
  `| --- | --- | --- | --- | ${methods.map(() => '---').join(' | ')} | --- |`,
  ...rows.map(lineOf),
  '',
].join('\n');
writeFileSync(join(folder, 'results.md'), table);
process.stdout.write(table);

/** Accuracy on clean data, on corrupted data, and on that after each way to adapt. */
async function adaptTo(name, corruption) {
  const { train, test, split } = MODELS[name];
  const seed = Number(values.seed);
  const all = await indicesOf(test, seed);
  const { domain, judged } = split(all.length);
  const kept = join(folder, 'data', test.split('/')[0], corruption.replace('=', '-'));
  const pool = domain.from === 'test' ? all : await indicesOf(train, seed);
  const given = pool.slice(...domain.share).slice(0, values.samples && Number(values.samples));
  const target = await writeCorrupted(
    dataOf(MODELS[name][domain.from]),
    corruption,
    given,
    join(kept, `domain-${given.length}`),
    seed + 1,
  );
  const tested = all.slice(...judged);
  const data = await writeCorrupted(dataOf(test), corruption, tested, join(kept, 'test'), seed + 2);
  const clean = await writeCorrupted(dataOf(test), '', tested, join(folder, 'data', test.split('/')[0], 'clean'), 0);
  const row = { model: name, corruption, samples: given.length, adapted: {} };
  for (const method of methods.filter((one) => (MODELS[name].methods ?? methods).includes(one))) {
    const report = join(folder, 'report.json');
    execute(process.execPath, [
      ...[here('../../bin/nncompress.js'), 'adapt', join(zoo, 'models', name, 'model.onnx'), '--quiet', '--force'],
      ...['--domain', target, '--source', dataOf(train), '--data', data, '--source-test', clean, '--fit', method],
      ...['--seed', seed, '--no-benchmark', '-o', join(folder, 'adapted.onnx'), '--report', report],
      ...values.options.split(' ').filter(Boolean),
    ]);
    const { models, domain: found, comparison } = JSON.parse(readFileSync(report, 'utf8'));
    const accuracy = (role) => models.find((model) => model.role === role).metrics.accuracy;
    row.clean = found.sourceTest.accuracy.before;
    row.corrupted = accuracy('original');
    row.adapted[method] = {
      accuracy: accuracy('compressed'),
      clean: found.sourceTest.accuracy.after,
      drop: comparison.accuracyDrop,
      unlabelled: found.unlabelled,
    };
  }
  return row;
}

async function indicesOf(path, seed) {
  const { size } = await openDataset(dataOf(path));
  return shuffled(
    Array.from({ length: size }, (_, index) => index),
    seededRandom(seed),
  );
}

function lineOf({ model, corruption, clean, corrupted, adapted }) {
  const percent = (value) => `${(100 * value).toFixed(2)}`;
  const won = (accuracy) => `${Math.round((100 * (accuracy - corrupted)) / Math.max(1e-9, clean - corrupted))} %`;
  const cells = methods.map((method) => {
    const { accuracy } = adapted[method] ?? {};
    return accuracy === undefined ? '' : `${percent(accuracy)}, ${won(accuracy)}`;
  });
  const after = methods.map((method) => (adapted[method] ? percent(adapted[method].clean) : ''));
  return `| ${[model, corruption, percent(clean), percent(corrupted), ...cells, after.join(', ')].join(' | ')} |`;
}
