import { MpiCollective, MpiMailbox, mpiTransfers } from '../../dist/parallel/mpi.js';
import { finalizeMpi } from '../../dist/parallel/mpi-library.js';

/** A process of a group: reduces and gathers a vector that depends on its rank, and prints what it found. */
const transfers = mpiTransfers();
const members = [...Array(transfers.size).keys()];
const collective = new MpiCollective(transfers, members);
const { rank, size } = collective;
const bounds = [0, 2, 2, 5].slice(0, size + 1);
const vector = Float32Array.from([1, 2, 3, 4, 5], (x) => x * 10 ** rank);
const beside = await collective.reduceScatter(vector, bounds, [10 * rank]);
const own = [...vector.subarray(bounds[rank], bounds[rank + 1])];
await collective.allGather(vector, bounds);
const told = await collective.exchange([1, rank]);
// Each sends the next one a large message before it takes that of the one before: nobody waits for ever.
const mailbox = new MpiMailbox(transfers, members);
mailbox.send((rank + 1) % size, { from: rank, values: new Float32Array(1e6).fill(rank), names: ['a'] });
const { from, values, names } = mailbox.receive((rank + size - 1) % size);
mailbox.settle();
process.stdout.write(
  `${JSON.stringify({ rank, own, beside, all: [...vector], told, message: [from, values.length, values[7], names[0]] })}\n`,
);
finalizeMpi();
