// What a step takes longer where its two processes lie on machines with a link of 1 Gbit/s between them, which are imitated
// (root, Linux, Open MPI and tc): measured in turns, beside what the model of scaling.mjs says; see README.md beside it.
import { writeFileSync } from 'node:fs';
import { loadavg } from 'node:os';
import { join } from 'node:path';
import { spread as spreadOf } from '../execute.mjs';
import { CASES } from '../train/cases.mjs';
import { countOf, exchange, linkOf, NETWORKS } from './exchange.mjs';
import { folder, here, markdown, run, spread } from './way.mjs';

const MODELS = process.argv.length > 2 ? process.argv.slice(2) : ['fashion-resnet', 'banking-textcnn'];
const [NETWORK, ROUNDS, STEPS] = ['1gbit', 3, 15];

const [local, link] = [undefined, NETWORK].map((network) => linkOf(spread(2, [here('link.mjs')], network)));
const rows = MODELS.map((name) => {
  const entry = CASES.find(({ model }) => model === name);
  const parameters = countOf(name);
  const found = { here: [], apart: [] };
  for (let round = 0; round < ROUNDS; round++)
    for (const [where, network] of [['here'], ['apart', NETWORK]]) {
      process.stderr.write(`${name}: ${where}, round ${round + 1}, load ${loadavg()[0].toFixed(1)}\n`);
      const { stepsPerSecond } = run(entry, { workers: 2, threads: 1, mpi: 2, network }, STEPS);
      found[where].push(1e3 / stepsPerSecond);
    }
  const [near, far] = Object.values(found).map((times) => spreadOf(times));
  const longer = (of) => (exchange(of, parameters, 2) - exchange(local, parameters, 2)).toFixed(1);
  const shown = ({ median, low, high }) => `${median.toFixed(1)} (${low.toFixed(1)}–${high.toFixed(1)})`;
  return [
    ...[name, parameters.toLocaleString('en'), shown(near), shown(far), (far.median - near.median).toFixed(1)],
    ...[longer(NETWORKS['1 Gbit/s']), longer(link)],
  ];
});

const columns = [
  ...['model', 'parameters', 'step on one machine, ms', 'on two, ms', 'longer by, ms: found'],
  ...['computed', 'computed with the link as measured'],
];
const text =
  `Of the imitated link: ${(link.rate / 1e6).toFixed(3)} GB/s, ${(1e3 * link.latency).toFixed(0)} µs for a few numbers; ` +
  `of this machine: ${(local.rate / 1e6).toFixed(2)} GB/s, ${(1e3 * local.latency).toFixed(0)} µs.\n\n${markdown(columns, rows)}`;
writeFileSync(join(folder, 'network.md'), text);
process.stdout.write(text);
