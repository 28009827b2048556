import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterAll } from 'vitest';

/** A folder for a test file's data, removed at its end. Gives a function that writes files into it. */
export function scratch(): (name: string, content?: string | Uint8Array) => string {
  const root = mkdtempSync(join(tmpdir(), 'nncompress-data-'));
  afterAll(() => rmSync(root, { recursive: true }));
  return (name, content) => {
    const path = join(root, name);
    mkdirSync(content === undefined ? path : dirname(path), { recursive: true });
    if (content !== undefined) writeFileSync(path, content);
    return path;
  };
}
