import { serve } from '../runtime/serve.js';
import type { ParquetMethods } from './parquet-protocol.js';
import { openParquetReader, type ParquetReader } from './parquet-reader.js';

const readers = new Map<string, Promise<ParquetReader>>();

function readerOf(path: string): Promise<ParquetReader> {
  const reader = readers.get(path) ?? openParquetReader(path);
  readers.set(path, reader);
  return reader;
}

serve<ParquetMethods>({
  async open(path) {
    readers.delete(path);
    const { columns, size, groups, bytes } = await readerOf(path);
    return { columns, size, groups, bytes };
  },
  read: async (path, columns, range) => (await readerOf(path)).read(columns, range),
});
