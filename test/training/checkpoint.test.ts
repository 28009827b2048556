import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';
import { describe, expect, it } from 'vitest';
import { UserError } from '../../src/errors.js';
import { type Checkpoint, readCheckpoint, writeCheckpoint } from '../../src/training/checkpoint.js';
import { scratch } from '../data/scratch.js';

const place = scratch();

const checkpoint: Checkpoint = {
  fingerprint: 'model and data',
  progress: { epoch: 2, batch: 7, history: [{ epoch: 0, loss: 0.1 }], note: 'é' },
  vectors: {
    parameters: Float32Array.of(1, -2.5, 1e-40),
    momentum: Float32Array.of(Number.NaN, 0),
    none: new Float32Array(0),
  },
};

async function written(name: string): Promise<{ path: string; bytes: Buffer }> {
  const path = place(name, '');
  await writeCheckpoint(path, checkpoint);
  return { path, bytes: readFileSync(path) };
}

async function mistake(path: string, fingerprint = checkpoint.fingerprint): Promise<string> {
  const error = await readCheckpoint(path, fingerprint).catch((thrown: unknown) => thrown);
  expect(error).toBeInstanceOf(UserError);
  return (error as UserError).what;
}

describe('a checkpoint', () => {
  it('comes back bit by bit, and leaves nothing else behind', async () => {
    const { path } = await written('whole/checkpoint');
    const { fingerprint, progress, vectors } = await readCheckpoint(path, 'model and data');
    expect({ fingerprint, progress }).toEqual({ fingerprint: 'model and data', progress: checkpoint.progress });
    expect(vectors).toEqual(checkpoint.vectors);
    expect(readdirSync(dirname(path))).toEqual(['checkpoint']);
  });

  it('takes views into larger arrays', async () => {
    const path = place('view', '');
    const parameters = Float32Array.of(9, 1, 2, 9).subarray(1, 3);
    await writeCheckpoint(path, { ...checkpoint, vectors: { parameters } });
    const { vectors } = await readCheckpoint(path, 'model and data');
    expect(vectors).toEqual({ parameters: Float32Array.of(1, 2) });
  });

  it('replaces the one before', async () => {
    const { path } = await written('again');
    await writeCheckpoint(path, { ...checkpoint, progress: 'later' });
    expect((await readCheckpoint(path, 'model and data')).progress).toBe('later');
  });
});

describe('what is no good is told', () => {
  it('a file cut anywhere', async () => {
    const { path, bytes } = await written('cut');
    const found = new Set<string>();
    for (let length = 0; length < bytes.length; length++) {
      writeFileSync(path, bytes.subarray(0, length));
      found.add(await mistake(path));
    }
    expect([...found]).toEqual(['is no checkpoint of a training run', 'is cut short']);
  });

  it('any byte that was changed', async () => {
    const { path, bytes } = await written('changed');
    for (let k = 0; k < bytes.length; k++) {
      const changed = Buffer.from(bytes);
      changed[k]! ^= 1;
      writeFileSync(path, changed);
      expect(await mistake(path)).toMatch(/^(is no checkpoint of a training run|is cut short|is damaged)$/);
    }
  });

  it('bytes behind its end', async () => {
    const { path, bytes } = await written('longer');
    writeFileSync(path, Buffer.concat([bytes, Buffer.from([0])]));
    expect(await mistake(path)).toBe('is damaged');
  });

  it('a checkpoint of another run', async () => {
    const { path } = await written('other');
    expect(await mistake(path, 'other data')).toBe('was left by a run with another model, other data or other options');
  });

  it('a missing file, a folder, and any other file', async () => {
    expect(await mistake(place('missing/folder', undefined))).toMatch(/directory/);
    expect(await mistake(`${place('nothing', '')}-there`)).toBe('does not exist');
    expect(await mistake(place('text', 'a text that is long enough to be looked at as a checkpoint'))).toBe(
      'is no checkpoint of a training run',
    );
  });
});
