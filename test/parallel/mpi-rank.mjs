import { finalizeMpi, MpiCollective } from '../../dist/parallel/mpi.js';

/** A process of a group: reduces and gathers a vector that depends on its rank, and prints what it found. */
const collective = new MpiCollective();
const { rank, size } = collective;
const bounds = [0, 2, 2, 5].slice(0, size + 1);
const vector = Float32Array.from([1, 2, 3, 4, 5], (x) => x * 10 ** rank);
await collective.reduceScatter(vector, bounds);
const own = [...vector.subarray(bounds[rank], bounds[rank + 1])];
await collective.allGather(vector, bounds);
const sums = await collective.allReduce([1, rank]);
process.stdout.write(`${JSON.stringify({ rank, own, all: [...vector], sums })}\n`);
finalizeMpi();
