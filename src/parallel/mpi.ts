import koffi from 'koffi';
import { messageOf, UserError } from '../errors.js';
import { type Bounds, type Collective, sumInto } from './collective.js';

/** The library's names, the commonest first; Open MPI 4 and 5 have the same interface. */
const LIBRARIES = process.platform === 'darwin' ? ['libmpi.40.dylib', 'libmpi.dylib'] : ['libmpi.so.40', 'libmpi.so'];

/** `MPI_THREAD_SERIALIZED`: threads of a process take turns. */
const SERIALIZED = 2;

type Call = (...args: unknown[]) => number;

/** Open MPI's functions and handles (MPI: A Message-Passing Interface Standard, version 3.1). */
interface Library {
  call: Record<'initialized' | 'init' | 'finalize' | 'rank' | 'size' | 'allToAll' | 'allGather' | 'barrier', Call>;
  world: unknown;
  float: unknown;
  double: unknown;
}

let loaded: Library | undefined;

/** @throws UserError where the library is missing, or is another MPI's */
function library(): Library {
  loaded ??= load();
  return loaded;
}

function load(): Library {
  const mend = 'install Open MPI: apt-get install openmpi-bin, or brew install open-mpi';
  const failures: string[] = [];
  for (const name of LIBRARIES) {
    try {
      const lib = koffi.load(name);
      const pointers = (count: number) => Array.from({ length: count }, () => 'void *');
      const vector = ['void *', 'int *', 'int *', 'void *'];
      return {
        call: {
          initialized: lib.func('MPI_Initialized', 'int', ['_Out_ int *']),
          init: lib.func('MPI_Init_thread', 'int', [...pointers(2), 'int', '_Out_ int *']),
          finalize: lib.func('MPI_Finalize', 'int', []),
          rank: lib.func('MPI_Comm_rank', 'int', ['void *', '_Out_ int *']),
          size: lib.func('MPI_Comm_size', 'int', ['void *', '_Out_ int *']),
          allToAll: lib.func('MPI_Alltoallv', 'int', [...vector, ...vector, 'void *']),
          allGather: lib.func('MPI_Allgatherv', 'int', ['void *', 'int', 'void *', ...vector, 'void *']),
          barrier: lib.func('MPI_Barrier', 'int', ['void *']),
        },
        world: lib.symbol('ompi_mpi_comm_world', 'void *'),
        float: lib.symbol('ompi_mpi_float', 'void *'),
        double: lib.symbol('ompi_mpi_double', 'void *'),
      };
    } catch (error) {
      failures.push(messageOf(error));
    }
  }
  throw new UserError(`Open MPI's library cannot be loaded (${failures[0]})`, { file: '--launcher mpi', mend });
}

/** Whether Open MPI's library is there. @throws UserError saying how it is installed */
export function checkMpi(): void {
  library();
}

/** Ends this process's part in the job; nothing may be exchanged after it. */
export function finalizeMpi(): void {
  if (isInitialized()) check('finalize', library().call.finalize());
}

function isInitialized(): boolean {
  const flag = [0];
  check('initialized', library().call.initialized(flag));
  return flag[0] === 1;
}

function check(what: string, code: number): void {
  if (code) throw new Error(`MPI: ${what} failed with code ${code}`);
}

/**
 * A member of a group of processes that mpirun started, on one machine or several. Sums are taken here in the order of the
 * ranks, not by the library, which would take them in an order of its own: results are those of threads, to the bit.
 * Waiting blocks the thread. Where a process ends before its time, mpirun ends the others.
 */
export class MpiCollective implements Collective {
  readonly rank: number;
  readonly size: number;
  private readonly mpi: Library;
  /** What others hand over of the part that is summed here. */
  private received = new Float32Array(0);

  /** @throws UserError where Open MPI is missing */
  constructor() {
    this.mpi = library();
    if (!isInitialized()) check('init', this.mpi.call.init(null, null, SERIALIZED, [0]));
    this.rank = this.number('rank');
    this.size = this.number('size');
  }

  private number(what: 'rank' | 'size'): number {
    const result = [0];
    check(what, this.mpi.call[what](this.mpi.world, result));
    return result[0]!;
  }

  async reduceScatter(data: Float32Array, bounds: Bounds): Promise<void> {
    const { mpi, rank, size } = this;
    const own = data.subarray(bounds[rank]!, bounds[rank + 1]!);
    if (this.received.length !== size * own.length) this.received = new Float32Array(size * own.length);
    const to = this.layout((other) => [bounds[other]!, bounds[other + 1]! - bounds[other]!]);
    const from = this.layout((other) => [other * own.length, own.length]);
    check(
      'reduce-scatter',
      mpi.call.allToAll(
        data,
        to.counts,
        to.offsets,
        mpi.float,
        this.received,
        from.counts,
        from.offsets,
        mpi.float,
        mpi.world,
      ),
    );
    const parts = Array.from({ length: size }, (_, k) => this.received.subarray(k * own.length, (k + 1) * own.length));
    sumInto(own, parts);
  }

  async allGather(data: Float32Array, bounds: Bounds): Promise<void> {
    const { mpi, rank } = this;
    const own = data.slice(bounds[rank]!, bounds[rank + 1]!);
    const all = this.layout((other) => [bounds[other]!, bounds[other + 1]! - bounds[other]!]);
    check(
      'all-gather',
      mpi.call.allGather(own, own.length, mpi.float, data, all.counts, all.offsets, mpi.float, mpi.world),
    );
  }

  async allReduce(values: readonly number[]): Promise<number[]> {
    const { mpi, size } = this;
    const count = values.length;
    const all = new Float64Array(size * count);
    const { counts, offsets } = this.layout((other) => [other * count, count]);
    check(
      'all-reduce',
      mpi.call.allGather(Float64Array.from(values), count, mpi.double, all, counts, offsets, mpi.double, mpi.world),
    );
    return values.map((_, k) => {
      let sum = 0;
      for (let rank = 0; rank < size; rank++) sum += all[rank * count + k]!;
      return sum;
    });
  }

  private layout(of: (rank: number) => [offset: number, count: number]) {
    const all = Array.from({ length: this.size }, (_, rank) => of(rank));
    return { offsets: Int32Array.from(all, ([offset]) => offset), counts: Int32Array.from(all, ([, count]) => count) };
  }
}
