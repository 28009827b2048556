import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { openAudio } from '../../src/data/audio-source.js';
import { AUDIO } from './recorded/audio.js';

const root = mkdtempSync(join(tmpdir(), 'nncompress-clips-'));
beforeAll(() => {
  const bytes = Buffer.from(AUDIO.wav[1]!.bytes, 'base64');
  for (const name of ['no', 'yes']) {
    mkdirSync(join(root, 'classes', name), { recursive: true });
    writeFileSync(join(root, 'classes', name, '1.wav'), bytes);
  }
  writeFileSync(join(root, 'classes.csv'), 'audio,intent\nclasses/no/1.wav,no\nclasses/yes/2.wav,yes\n');
});
afterAll(() => rmSync(root, { recursive: true }));

describe('openAudio', () => {
  it('opens a folder of class folders', async () => {
    const clips = await openAudio(join(root, 'classes'));
    expect(clips).toMatchObject({ kind: 'audio', size: 2, classNames: ['no', 'yes'] });
    expect([clips.label(1), clips.describe(1)]).toEqual(['yes', 'yes/1.wav']);
    expect(await clips.load(0)).toMatchObject({ kind: 'audio', sampleRate: 8000 });
  });

  it('opens a flat folder, which has no labels', async () => {
    const clips = await openAudio(join(root, 'classes', 'no'));
    expect(clips).toMatchObject({ size: 1, classNames: undefined });
    expect(clips.label(0)).toBeUndefined();
  });

  it('opens a manifest and names the file that is missing', async () => {
    const clips = await openAudio(join(root, 'classes.csv'));
    expect(clips).toMatchObject({ size: 2, classNames: ['no', 'yes'] });
    await clips.load(0);
    await expect(clips.load(1)).rejects.toThrow(/2\.wav: there is no such file/);
  });
});
