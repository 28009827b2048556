// Compares nncompress with Python's onnxruntime.quantization on the same models and data; see README.md beside it.
import { existsSync, mkdirSync, writeFileSync } from 'node:fs';
import { cpus, loadavg, totalmem } from 'node:os';
import { join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { compareModel } from './compare-model.mjs';
import { Processes } from './processes.mjs';
import { failureList, markdownTables } from './tables.mjs';
import { MODELS, zooModel } from './zoo.mjs';

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: { rounds: { type: 'string', default: '5' } },
});
const names = positionals.length ? positionals : MODELS;
const unknown = names.find((name) => !MODELS.includes(name));
if (unknown) throw new Error(`no model ${unknown}; there are ${MODELS.join(', ')}`);

const zoo = resolve(process.env.NNCOMPRESS_ZOO ?? fileURLToPath(new URL('../../../shared/zoo', import.meta.url)));
if (!existsSync(zoo)) throw new Error(`no models at ${zoo}; name their folder with NNCOMPRESS_ZOO`);
const folder = fileURLToPath(new URL('./results', import.meta.url));
mkdirSync(folder, { recursive: true });
const processes = new Processes({ python: process.env.NNCOMPRESS_PYTHON ?? 'python3', zoo, folder });

const machine = {
  date: new Date().toISOString(),
  cpu: cpus()[0].model,
  cores: cpus().length,
  memoryBytes: totalmem(),
  node: process.version,
  loadBefore: loadavg()[0],
};
const results = [];
for (const name of names) {
  const say = (what) => process.stderr.write(`${name}: ${what}, load ${loadavg()[0].toFixed(1)}\n`);
  results.push(await compareModel(processes, zooModel(zoo, name), { rounds: Number(values.rounds), say }));
  writeFileSync(
    join(folder, 'results.json'),
    `${JSON.stringify({ machine, rounds: values.rounds, results }, null, 2)}\n`,
  );
}
const tables = `${markdownTables(results)}\n${failureList(results)}\n`;
writeFileSync(join(folder, 'results.md'), tables);
process.stdout.write(tables);
