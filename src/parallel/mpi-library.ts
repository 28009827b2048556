import koffi from 'koffi';
import { messageOf, UserError } from '../errors.js';

/** The library's names, the commonest first; Open MPI 4 and 5 have the same interface. */
const LIBRARIES = process.platform === 'darwin' ? ['libmpi.40.dylib', 'libmpi.dylib'] : ['libmpi.so.40', 'libmpi.so'];

/** `MPI_THREAD_SERIALIZED`: threads of a process take turns. */
const SERIALIZED = 2;

type Call = (...args: unknown[]) => number;
type CallName = 'initialized' | 'init' | 'finalize' | 'rank' | 'size' | 'send' | 'receive' | 'test';

/** Open MPI's functions and handles (MPI: A Message-Passing Interface Standard, version 3.1). */
interface Library {
  call: Record<CallName, Call>;
  world: unknown;
  types: { float: unknown; double: unknown; byte: unknown };
}

let loaded: Library | undefined;

/** @throws UserError where the library is missing, or is another MPI's */
export function mpiLibrary(): Library {
  loaded ??= load();
  return loaded;
}

function load(): Library {
  const mend = 'install Open MPI: apt-get install openmpi-bin, or brew install open-mpi';
  const failures: string[] = [];
  for (const name of LIBRARIES) {
    try {
      const lib = koffi.load(name);
      const message = ['void *', 'int', 'void *', 'int', 'int', 'void *', 'void *'];
      return {
        call: {
          initialized: lib.func('MPI_Initialized', 'int', ['_Out_ int *']),
          init: lib.func('MPI_Init_thread', 'int', ['void *', 'void *', 'int', '_Out_ int *']),
          finalize: lib.func('MPI_Finalize', 'int', []),
          rank: lib.func('MPI_Comm_rank', 'int', ['void *', '_Out_ int *']),
          size: lib.func('MPI_Comm_size', 'int', ['void *', '_Out_ int *']),
          send: lib.func('MPI_Isend', 'int', message),
          receive: lib.func('MPI_Irecv', 'int', message),
          test: lib.func('MPI_Test', 'int', ['void *', 'void *', 'void *']),
        },
        world: lib.symbol('ompi_mpi_comm_world', 'void *'),
        types: {
          float: lib.symbol('ompi_mpi_float', 'void *'),
          double: lib.symbol('ompi_mpi_double', 'void *'),
          byte: lib.symbol('ompi_mpi_byte', 'void *'),
        },
      };
    } catch (error) {
      failures.push(messageOf(error));
    }
  }
  throw new UserError(`Open MPI's library cannot be loaded (${failures[0]})`, { file: '--launcher mpi', mend });
}

/** Whether Open MPI's library is there. @throws UserError saying how it is installed */
export function checkMpi(): void {
  mpiLibrary();
}

/** Calls a function of the library. @throws Error where it fails */
export function callMpi(name: CallName, ...args: unknown[]): void {
  const code = mpiLibrary().call[name](...args);
  if (code) throw new Error(`MPI: ${name} failed with code ${code}`);
}

/** Takes part in the job that mpirun started, if that was not done yet. */
export function initializeMpi(): void {
  if (!isInitialized()) callMpi('init', null, null, SERIALIZED, [0]);
}

/** Ends this process's part in the job; nothing may be exchanged after it. */
export function finalizeMpi(): void {
  if (isInitialized()) callMpi('finalize');
}

function isInitialized(): boolean {
  const flag = [0];
  callMpi('initialized', flag);
  return flag[0] === 1;
}
