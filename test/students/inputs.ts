import type { GridInput, StudentInput, TokenInput } from '../../src/students/input.js';

const grid = (
  kind: GridInput['kind'],
  axes: string,
  sizes: GridInput['sizes'],
  dims: (number | string)[],
): GridInput => ({
  ...{ kind, axes, sizes },
  value: { name: 'x', type: 'float32', dims: ['n', ...dims] },
});

export const tokens: TokenInput = {
  kind: 'tokens',
  ids: { name: 'ids', type: 'int64', dims: ['n', 'tokens'] },
  mask: { name: 'mask', type: 'int64', dims: ['n', 'tokens'] },
  vocabulary: 50,
  padding: { id: 0, side: 'right' },
};

/** One input of each kind. */
export const INPUTS = {
  image: grid('image', 'NCHW', { C: 1, H: 28, W: 28 }, [1, 28, 28]),
  spectrogram: grid('spectrogram', 'NCTF', { C: 1, T: 98, F: 40 }, [1, 98, 40]),
  waveform: { ...grid('waveform', 'NCT', { C: 1, T: 4000 }, [1, 4000]), sampleRate: 8000 },
  sequence: grid('sequence', 'NTF', { T: 20, F: 6 }, ['time', 6]),
  vector: grid('vector', 'NF', { F: 30 }, [30]),
  tokens,
} satisfies Record<StudentInput['kind'], StudentInput>;
