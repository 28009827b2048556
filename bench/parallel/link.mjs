// One of two processes of mpirun: measures what it costs to exchange a few numbers, and large vectors.
import { evenBounds } from '../../dist/parallel/collective.js';
import { MpiCollective, mpiTransfers } from '../../dist/parallel/mpi.js';
import { finalizeMpi } from '../../dist/parallel/mpi-library.js';
import { tuneMpi } from '../../dist/parallel/world.js';

tuneMpi();

const transfers = mpiTransfers();
const collective = new MpiCollective(transfers, [...Array(transfers.size).keys()]);

/** Milliseconds of the median of some calls. */
async function median(count, call) {
  const times = [];
  for (let k = 0; k < count; k++) {
    const start = performance.now();
    await call();
    times.push(performance.now() - start);
  }
  return times.sort((a, b) => a - b)[count >> 1];
}

const exchangeMs = await median(500, () => collective.exchange([1, 2, 3]));
const vectors = [];
for (const length of [1e4, 1e5, 1e6, 8e6]) {
  const data = new Float32Array(length);
  const bounds = evenBounds(length, transfers.size);
  const reduceMs = await median(15, () => collective.reduceScatter(data, bounds));
  const gatherMs = await median(15, () => collective.allGather(data, bounds));
  vectors.push({ length, reduceMs, gatherMs });
}
if (transfers.rank === 0) process.stdout.write(`${JSON.stringify({ exchangeMs, vectors })}\n`);
finalizeMpi();
process.reallyExit(0);
