import { describe, expect, it } from 'vitest';
import { ALONE, worldOf } from '../../src/parallel/world.js';

const third = { OMPI_COMM_WORLD_RANK: '2', OMPI_COMM_WORLD_SIZE: '4', OMPI_COMM_WORLD_LOCAL_SIZE: '2' };

describe('worldOf', () => {
  it('reads what mpirun tells each process', () => {
    expect(worldOf('mpi', third)).toEqual({ rank: 2, size: 4, localSize: 2 });
  });

  it('is one process without a launcher', () => {
    expect(worldOf('local', {})).toBe(ALONE);
    expect(worldOf('local', { ...third, OMPI_COMM_WORLD_RANK: '0', OMPI_COMM_WORLD_SIZE: '1' })).toBe(ALONE);
  });

  it('refuses a launcher that did not start it, and one that did and was not named', () => {
    expect(() => worldOf('mpi', {})).toThrow('--launcher mpi: needs to be started by mpirun of Open MPI');
    expect(() => worldOf('local', third)).toThrow('runs as one of 4 processes of mpirun');
  });
});
