import { spawn, spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { afterAll, describe, expect, it } from 'vitest';
import { readBytes } from '../../src/data/files.js';

describe('readBytes', () => {
  const folder = mkdtempSync(join(tmpdir(), 'nncompress-files-'));
  afterAll(() => rmSync(folder, { recursive: true }));
  const file = (name: string, content: string | Uint8Array) => {
    writeFileSync(join(folder, name), content);
    return join(folder, name);
  };

  it('gives a whole file, packed or not, an empty one, too', async () => {
    expect(String(await readBytes(file('a.txt', 'whole')))).toBe('whole');
    expect(String(await readBytes(file('a.gz', gzipSync('whole'))))).toBe('whole');
    expect(await readBytes(file('empty', ''))).toHaveLength(0);
    expect(Buffer.alloc(3e6, 7).equals(await readBytes(file('large', Buffer.alloc(3e6, 7))))).toBe(true);
  });

  it.skipIf(process.platform === 'win32')('gives what comes through a pipe, whose size is not known', async () => {
    const pipe = join(folder, 'pipe');
    spawnSync('mkfifo', [pipe]);
    spawn('sh', ['-c', `{ printf one; sleep 0.1; printf two; } > '${pipe}'`]);
    expect(String(await readBytes(pipe))).toBe('onetwo');
  });

  it('names what is missing, a folder, or damaged', async () => {
    await expect(readBytes(join(folder, 'none'))).rejects.toThrow('there is no such file');
    await expect(readBytes(folder)).rejects.toThrow('is a folder, not a file');
    await expect(readBytes(file('damaged.gz', 'no gzip'))).rejects.toThrow('is damaged or not gzip');
  });
});
