// Writes samples of a data set as a worse world has them, in the form that they came in.
import { existsSync, mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { corrupted } from '../../dist/data/corrupt.js';
import { openDataset } from '../../dist/data/open.js';

/**
 * Writes some samples of images of one size (IDX) or of sounds (WAV, a folder per class), where that was not done before.
 * @param corruption as `--corrupt` takes it; none where empty.
 * @returns the path to hand to nncompress
 */
export async function writeCorrupted(source, corruption, indices, folder, seed = 0) {
  const original = await openDataset(source);
  const { kind } = original;
  const path = kind === 'image' ? join(folder, 'images-idx3-ubyte') : join(folder, 'clips');
  if (existsSync(path)) return path;
  const dataset = corruption ? corrupted(original, corruption, seed).dataset : original;
  mkdirSync(folder, { recursive: true });
  await (kind === 'image' ? writeIdx(dataset, indices, folder) : writeWaves(dataset, indices, path));
  return path;
}

async function writeIdx(dataset, indices, folder) {
  const images = [];
  for (const index of indices) images.push(await dataset.load(index));
  const [{ width, height }] = images;
  const header = (...numbers) => {
    const bytes = Buffer.alloc(4 * numbers.length);
    for (const [k, number] of numbers.entries()) bytes.writeUInt32BE(number, 4 * k);
    return bytes;
  };
  const pixels = images.map(({ data }) => data);
  const labels = Uint8Array.from(indices, (index) => Number(dataset.label(index)));
  writeFileSync(join(folder, 'labels-idx1-ubyte'), Buffer.concat([header(0x801, indices.length), labels]));
  writeFileSync(
    join(folder, 'images-idx3-ubyte'),
    Buffer.concat([header(0x803, images.length, height, width), ...pixels]),
  );
}

async function writeWaves(dataset, indices, path) {
  for (const index of indices) {
    const { samples, sampleRate } = await dataset.load(index);
    const folder = join(path, String(dataset.label(index)));
    mkdirSync(folder, { recursive: true });
    writeFileSync(join(folder, `${index}.wav`), waveOf(samples, sampleRate));
  }
}

/** One channel of 32-bit floats, so that nothing is clipped. */
function waveOf(samples, sampleRate) {
  const bytes = Buffer.alloc(44 + 4 * samples.length);
  bytes.write('RIFF', 0);
  bytes.writeUInt32LE(bytes.length - 8, 4);
  bytes.write('WAVEfmt ', 8);
  for (const [at, value] of [
    [16, 16],
    [24, sampleRate],
    [28, 4 * sampleRate],
  ])
    bytes.writeUInt32LE(value, at);
  for (const [at, value] of [
    [20, 3],
    [22, 1],
    [32, 4],
    [34, 32],
  ])
    bytes.writeUInt16LE(value, at);
  bytes.write('data', 36);
  bytes.writeUInt32LE(4 * samples.length, 40);
  for (const [k, sample] of samples.entries()) bytes.writeFloatLE(sample, 44 + 4 * k);
  return bytes;
}
