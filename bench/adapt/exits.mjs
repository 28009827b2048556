// Adds early exits to models of the zoo, or a smaller model before one, checks the files with onnx and Python's onnxruntime, and shows what samples cost; see
// README.md beside it.
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { cpus } from 'node:os';
import { join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { execute, jsonOf } from '../execute.mjs';
import { writeFeeds } from './feeds.mjs';

const here = (name) => fileURLToPath(new URL(name, import.meta.url));
const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: { seed: { type: 'string', default: '0' }, options: { type: 'string', default: '' } },
});

const FASHION = { train: 'fashion-mnist/train-images-idx3-ubyte.gz', test: 'fashion-mnist/t10k-images-idx3-ubyte.gz' };
const DIGITS = { train: 'spoken-digits/train', test: 'spoken-digits/test' };
const BANKING = { train: 'banking77/train.csv', test: 'banking77/test.csv' };
/** Points of accuracy that thresholds may lose where they are chosen. */
const MODELS = {
  'fashion-resnet': { ...FASHION, maxDrop: 0.003 },
  'digits-dscnn': { ...DIGITS, maxDrop: 0.005 },
  'banking-minilm': { ...BANKING, maxDrop: 0.005 },
  'fashion-cascade': { ...FASHION, maxDrop: 0.003, last: 'fashion-resnet', first: 'fashion-cnn-small' },
};
/** Time may be this much more than multiply-accumulates and the exits' own time let expect. */
const TOLERANCE = 1.15;
const chosen = positionals.length ? positionals : Object.keys(MODELS);

const zoo = resolve(process.env.NNCOMPRESS_ZOO ?? here('../../../shared/zoo'));
if (!existsSync(zoo)) throw new Error(`no models at ${zoo}; name their folder with NNCOMPRESS_ZOO`);
const python = process.env.NNCOMPRESS_PYTHON ?? 'python3';
const folder = here('./results');
mkdirSync(folder, { recursive: true });

const rows = [];
for (const name of chosen) rows.push(await withExits(name));
const machine = { date: new Date().toISOString(), cpu: cpus()[0].model, cores: cpus().length };
writeFileSync(join(folder, 'exits.json'), `${JSON.stringify({ machine, rows }, null, 2)}\n`);
const table = [
  '| model | points of accuracy | samples that leave, and time there | rows | MACs left | time left | own time of the exits | within |',
  '| --- | --- | --- | --- | --- | --- | --- | --- |',
  ...rows.flatMap(linesOf),
  '',
].join('\n');
writeFileSync(join(folder, 'exits.md'), table);
process.stdout.write(table);

/** What samples cost on average, and what ONNX Runtime makes of the file from Python. */
async function withExits(name) {
  const { train, test, maxDrop, first, last = name } = MODELS[name];
  const fileOf = (folder) => join(zoo, 'models', folder, 'model.onnx');
  const model = fileOf(last);
  const [output, report] = [join(folder, `${name}.onnx`), join(folder, 'report.json')];
  execute(process.execPath, [
    ...[here('../../bin/nncompress.js'), 'adapt', model, '--quiet', '--force', '--seed', values.seed],
    ...(first ? ['--cascade', fileOf(first)] : ['--early-exit']),
    ...['--train', join(zoo, 'data', train), '--data', join(zoo, 'data', test), '--max-drop', maxDrop],
    ...['-o', output, '--report', report, ...values.options.split(' ').filter(Boolean)],
  ]);
  const { adaptive, comparison, training } = JSON.parse(readFileSync(report, 'utf8'));
  const samples = join(folder, 'samples');
  await writeFeeds(model, join(zoo, 'data', test), samples);
  const checked = jsonOf(python, [here('./check-exits.py'), model, output, samples]);
  return { model: name, adaptive, comparison, training, checked };
}

function linesOf({ model, adaptive, comparison, checked }) {
  const { value, low, high } = comparison.accuracyDrop;
  const points = (drop) => (-100 * drop).toFixed(2);
  const percent = (part) => `${Math.round(100 * part)} %`;
  return Object.entries(checked.latency).map(([rows, { macs, time, own, exits }], k) => {
    const leaving = adaptive.exits.map(({ share }, exit) => `${percent(share)} at ${percent(exits[exit])}`);
    const about = k ? ['', ''] : [model, `${points(value)} (${points(high)} … ${points(low)})`];
    const isWithin = time <= TOLERANCE * (macs + own);
    const figures = [rows, percent(macs), percent(time), percent(own), isWithin ? 'yes' : 'no'];
    return `| ${[...about, leaving.join(', '), ...figures].join(' | ')} |`;
  });
}
