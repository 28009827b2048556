import { parentPort, workerData } from 'node:worker_threads';
import { allReduce } from '../../dist/parallel/collective.js';

/** A rank of a group: does the calls it is given one after the other, and posts what each gave. */
const { module, group, rank, calls } = workerData;
const { SharedMemoryCollective } = await import(module);
const collective = new SharedMemoryCollective(group, rank);
const results = [];
try {
  for (const { method, data, bounds } of calls) {
    // Uneven work between the calls, so that ranks arrive at different times.
    for (let k = 0; k < 2e4 * ((rank * 7 + results.length * 5) % 4); k++) Math.sqrt(k);
    if (method === 'allReduce') results.push(await allReduce(collective, data));
    else {
      const vector = Float32Array.from(data);
      const told = (await collective[method](vector, bounds, [rank, results.length])) ?? [];
      results.push([...vector, ...told.flat()]);
    }
  }
  parentPort.postMessage({ results });
} catch (error) {
  parentPort.postMessage({ error: error.message, results });
}
