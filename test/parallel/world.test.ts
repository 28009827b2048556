import { describe, expect, it } from 'vitest';
import { ALONE, boundTo, tuneMpi, worldOf } from '../../src/parallel/world.js';

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

describe('tuneMpi', () => {
  it('leaves what the user said', () => {
    const [plain, own] = [{}, { OMPI_MCA_btl_tcp_flags: '3' }];
    for (const environment of [plain, own]) tuneMpi(environment);
    expect([plain, own]).toEqual([{ OMPI_MCA_btl_tcp_flags: 'send' }, { OMPI_MCA_btl_tcp_flags: '3' }]);
  });
});

describe('boundTo', () => {
  const world = { rank: 0, size: 4, localSize: 2 };
  const bound = { OMPI_MCA_orte_bound_at_launch: '1' };

  it('tells of cores that nobody uses', () => {
    expect(boundTo(world, bound, [1, 8])).toBe(
      'mpirun keeps each of 2 processes of this machine to 1 of its 8 cores: add --bind-to none to it',
    );
  });

  it('says nothing where all are used, or mpirun keeps no process anywhere', () => {
    expect([boundTo(world, bound, [4, 8]), boundTo(world, {}, [1, 8])]).toEqual([undefined, undefined]);
  });
});
