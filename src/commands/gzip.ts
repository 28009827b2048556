import { createReadStream } from 'node:fs';
import { pipeline } from 'node:stream/promises';
import { createGzip } from 'node:zlib';

/** Bytes of files once gzip has packed each, which is done beside other work and keeps nothing. */
export async function gzipBytes(files: readonly string[]): Promise<number> {
  let bytes = 0;
  for (const file of files)
    await pipeline(createReadStream(file), createGzip(), async (packed) => {
      for await (const piece of packed) bytes += (piece as Buffer).length;
    });
  return bytes;
}
