import { spawnSync } from 'node:child_process';
import { readdirSync } from 'node:fs';
import { expect, it } from 'vitest';
import { program, root, SPEECH, scratch } from './program.js';

it('leaves nothing in the temporary folder: neither its own files nor usage reports of the runtime', () => {
  const folder = scratch();
  const { status } = spawnSync(process.execPath, [program, 'inspect', SPEECH[0]], {
    cwd: root,
    env: { ...process.env, TMPDIR: folder, TMP: folder, TEMP: folder },
  });
  expect(status).toBe(0);
  expect(readdirSync(folder)).toEqual([]);
});
