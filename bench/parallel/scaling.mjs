// What a training step takes with more and more processes: a model of it with measured constants; see README.md beside it.
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { CASES } from '../train/cases.mjs';
import { countOf, exchange, linkOf, NETWORKS } from './exchange.mjs';
import { folder, here, markdown, run, spread } from './way.mjs';

const MODELS =
  process.argv.length > 2
    ? process.argv.slice(2)
    : ['fashion-resnet', 'digits-dscnn', 'banking-textcnn', 'banking-minilm'];
const STEPS = 20;
const PROCESSES = [2, 4, 8, 16];
const MOST = 1024;

const measured = spread(2, [here('link.mjs')]);
const large = measured.vectors.at(-1);
const local = linkOf(measured);
const links = { 'this machine': local, ...NETWORKS };

const rows = MODELS.map((name) => {
  const entry = CASES.find(({ model }) => model === name);
  const parameters = countOf(name);
  const stepMs = (batch, settings = { workers: 1, threads: 1 }) => {
    process.stderr.write(`${name}: batches of ${batch}\n`);
    return 1e3 / run({ ...entry, batch }, settings, STEPS).stepsPerSecond;
  };
  const [whole, quarter] = [stepMs(entry.batch), stepMs(entry.batch / 4)];
  // A step takes so long for each sample, and so long whatever their number.
  const each = (whole - quarter) / (entry.batch * 0.75);
  const fixed = Math.max(0, whole - each * entry.batch);
  const work = (processes) => fixed + (each * entry.batch) / processes;
  const step = (link, processes) => work(processes) + exchange(link, parameters, processes);
  const found = stepMs(entry.batch, { workers: 2, threads: 1, mpi: 2 });
  const overtaken = (link) => {
    for (let processes = 2; processes <= MOST; processes++)
      if (exchange(link, parameters, processes) > work(processes)) return String(processes);
    return `> ${MOST}`;
  };
  return [
    [name, `${entry.batch}`, shown(parameters), whole.toFixed(1), (each * 1e3).toFixed(0), fixed.toFixed(1)],
    [step(local, 2).toFixed(1), found.toFixed(1)],
    Object.values(links).map((link) => PROCESSES.map((count) => (whole / step(link, count)).toFixed(1)).join(', ')),
    Object.values(links).map(overtaken).join(', '),
  ].flat();
});

function shown(count) {
  return count.toLocaleString('en');
}

const names = Object.keys(links);
const columns = [
  ...['model', 'batch', 'parameters', 'step, ms', 'µs a sample', 'fixed, ms', '2 processes, ms: computed', 'found'],
  ...names.map((name) => `times as fast with ${PROCESSES.join(', ')}: ${name}`),
  `processes from which on communication takes longer than work (${names.join('; ')})`,
];
const constants =
  `Two processes of this machine exchange a few numbers in ${(1e3 * measured.exchangeMs).toFixed(0)} µs; ` +
  `of a vector of ${shown(large.length)} floats, sums take ${large.reduceMs.toFixed(1)} ms and handing them out ` +
  `${large.gatherMs.toFixed(1)} ms (${(local.rate / 1e6).toFixed(2)} GB/s).\n\n`;
const text = constants + markdown(columns, rows);
writeFileSync(join(folder, 'scaling.md'), text);
process.stdout.write(text);
