import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { hasMpi, mpirun } from './mpirun.js';

const script = fileURLToPath(new URL('./mpi-rank.mjs', import.meta.url));

describe.skipIf(!hasMpi)('a group of processes', () => {
  it('reduces, gathers what each made of its part, exchanges numbers and messages', () => {
    const { status, stdout } = mpirun(3, script);
    expect(status).toBe(0);
    const found = stdout
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line));
    const all = [111, 222, 333, 444, 555];
    const told = [
      [1, 0],
      [1, 1],
      [1, 2],
    ];
    const beside = [[0], [10], [20]];
    expect(found.sort((a, b) => a.rank - b.rank)).toEqual([
      { rank: 0, own: [111, 222], beside, all, told, message: [2, 1e6, 2, 'a'] },
      { rank: 1, own: [], beside, all, told, message: [0, 1e6, 0, 'a'] },
      { rank: 2, own: [333, 444, 555], beside, all, told, message: [1, 1e6, 1, 'a'] },
    ]);
  });
});
