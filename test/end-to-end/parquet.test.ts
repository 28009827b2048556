import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { parquetWriteBuffer } from 'hyparquet-writer';
import sharp from 'sharp';
import { describe, expect, it } from 'vitest';
import { openIdx } from '../../src/data/idx.js';
import { readTable } from '../../src/data/manifest.js';
import type { Dataset, RawImage } from '../../src/data/types.js';
import { reportSchema } from '../../src/report/schema.js';
import { IMAGES, nncompress, root, scratch, TEXTS } from './program.js';

const LIMIT = 300;

/** Metrics of a model over the first samples of some data. */
function metrics(model: string, data: string, ...args: string[]) {
  const limited = ['--limit', String(LIMIT), '--no-benchmark', '--json'];
  const { stdout, stderr } = nncompress('evaluate', model, '--data', data, ...limited, ...args);
  expect(stderr).not.toContain('nncompress:');
  return reportSchema.parse(JSON.parse(stdout)).models[0]!.metrics;
}

const pngOf = ({ data, width, height }: RawImage) =>
  sharp(data, { raw: { width, height, channels: 1 } })
    .toColourspace('b-w')
    .png()
    .toBuffer();

/** Writes images and labels as Parquet. */
async function writeImages(path: string, images: Dataset, start: number, end: number): Promise<void> {
  const indices = Array.from({ length: end - start }, (_, index) => start + index);
  const data = await Promise.all(indices.map(async (index) => pngOf((await images.load(index)) as RawImage)));
  const labels = Int32Array.from(indices, (index) => Number(images.label(index)));
  const columnData = [
    { name: 'image', data, type: 'BYTE_ARRAY' as const },
    { name: 'label', data: labels, type: 'INT32' as const },
  ];
  writeFileSync(path, new Uint8Array(parquetWriteBuffer({ columnData, rowGroupSize: 50 })));
}

describe('Parquet data', () => {
  it('gives the metrics of the images that it was made of', async () => {
    const [model, data] = IMAGES;
    const images = await openIdx(join(root, data));
    const folder = join(scratch(), 'data');
    mkdirSync(folder);
    for (const shard of [0, 1]) {
      const path = join(folder, `test-0000${shard}-of-00002.parquet`);
      await writeImages(path, images, shard * 150, (shard + 1) * 150);
    }
    expect(metrics(model, folder)).toEqual(metrics(model, data));
  });
  it('gives the metrics of the texts that it was made of', async () => {
    const [model, data] = TEXTS;
    const { columns, rows } = await readTable(join(root, data));
    const columnData = columns.map((name) => ({
      name,
      data: rows.map((row) => row[name] as string),
      type: 'STRING' as const,
    }));
    const path = join(scratch(), 'texts.parquet');
    writeFileSync(path, new Uint8Array(parquetWriteBuffer({ columnData })));
    expect(metrics(model, path)).toEqual(metrics(model, data));
  });
  it('that is cut off is refused in one line', () => {
    const path = join(scratch(), 'cut.parquet');
    writeFileSync(path, 'PAR1, and then nothing');
    const { status, stderr } = nncompress('evaluate', TEXTS[0], '--data', path);
    expect({ status, stderr }).toEqual({
      status: 2,
      stderr: `nncompress: ${path}: is cut off: it does not end with PAR1; fetch or write it again\n`,
    });
  });
});
