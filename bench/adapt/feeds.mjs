// Writes samples as a model is given them, for ONNX Runtime elsewhere.
import { mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { createContext } from '../../dist/commands/context.js';
import { options as evaluateOptions } from '../../dist/commands/evaluate.js';
import { variedFeeds } from '../../dist/commands/verify.js';
import { openWorkbench } from '../../dist/commands/workbench.js';

const DESCRIPTIONS = { float32: '<f4', float16: '<f2', int64: '<i8', int32: '<i4', uint8: '|u1', bool: '|b1' };

/** Writes many samples of data, one by one and 32 at a time, as NPY files, and an index that names the inputs that they are for. */
export async function writeFeeds(model, data, folder) {
  rmSync(folder, { recursive: true, force: true });
  mkdirSync(folder, { recursive: true });
  const options = evaluateOptions.parse({ data });
  const bench = await openWorkbench(model, options, await createContext({ quiet: true, verbose: false, color: false }));
  const runs = (await variedFeeds(await bench.open(data))).flat();
  const index = runs.map((feeds, run) => ({
    rows: Object.values(feeds)[0].dims[0],
    files: Object.fromEntries(
      Object.entries(feeds).map(([name, tensor], input) => {
        const file = `${run}-${input}.npy`;
        writeFileSync(join(folder, file), npyOf(tensor));
        return [name, file];
      }),
    ),
  }));
  writeFileSync(join(folder, 'index.json'), JSON.stringify(index));
}

function npyOf({ type, dims, data }) {
  const header = `{'descr': '${DESCRIPTIONS[type]}', 'fortran_order': False, 'shape': (${dims.join(', ')},), }`;
  const padded = `${header.padEnd(Math.ceil((header.length + 11) / 64) * 64 - 11)}\n`;
  const start = Buffer.from([0x93, ...Buffer.from('NUMPY'), 1, 0, padded.length & 255, padded.length >> 8]);
  return Buffer.concat([
    start,
    Buffer.from(padded, 'latin1'),
    Buffer.from(data.buffer, data.byteOffset, data.byteLength),
  ]);
}
