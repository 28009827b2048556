import { spawn } from 'node:child_process';
import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { IMAGES, program, root, scratch } from './program.js';

describe.skipIf(process.platform === 'win32')('a run that is interrupted', () => {
  it.each([
    ['SIGINT', 'measuring', 130],
    ['SIGINT', 'comparing', 130],
    ['SIGTERM', 'measuring', 143],
  ] as const)('by %s while %s leaves nothing and ends with code %i', async (signal, stage, code) => {
    const folder = scratch();
    const args = ['quantize', IMAGES[0], '--data', IMAGES[1], '-o', join(folder, 'small.onnx'), '--verbose'];
    const child = spawn(process.execPath, [program, ...args], { cwd: root, stdio: ['ignore', 'ignore', 'pipe'] });
    const ended = new Promise((resolve) => child.on('exit', (status, by) => resolve(by ?? status)));
    let said = '';
    child.stderr.setEncoding('utf8').on('data', (text: string) => {
      const reached = said.includes(stage);
      said += text;
      if (!reached && said.includes(stage)) child.kill(signal);
    });
    expect(await ended).toBe(code);
    expect(said).not.toContain('nncompress:');
    expect(readdirSync(folder)).toEqual([]);
  });
});
