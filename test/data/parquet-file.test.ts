import { parquetWriteBuffer } from 'hyparquet-writer';
import { expect, it } from 'vitest';
import { openParquetFile } from '../../src/data/parquet-file.js';
import { scratch } from './scratch.js';

const file = scratch();
const content = () =>
  new Uint8Array(
    parquetWriteBuffer({
      columnData: [{ name: 'text', data: ['a', 'b', 'c'], type: 'STRING' }],
      codec: 'UNCOMPRESSED',
    }),
  );

/** A page whose header does not tell how many values it has: what tells of it (field 8, a struct) ends at once. */
function endless(): Uint8Array {
  const bytes = content();
  bytes[bytes.indexOf(0x5c) + 1] = 0;
  return bytes;
}

const IMPATIENT = { milliseconds: 1000, bytesPerMillisecond: 1000 };

it('gives up on a file that would be read for ever, and goes on with others', async () => {
  const good = await openParquetFile(file('good.parquet', content()));
  const bad = await openParquetFile(file('bad.parquet', endless()), IMPATIENT);
  const refused = bad.read(['text']);
  const read = good.read(['text'], { start: 1, end: 3 });
  await expect(refused).rejects.toThrow(/bad.parquet: is damaged: reading it does not end; fetch or write it again$/);
  expect((await read).map(({ text }) => String(text))).toEqual(['b', 'c']);
  await expect(openParquetFile(file('none', 'PAR1'))).rejects.toThrow('is cut off');
});
