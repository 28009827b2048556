import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { listFolder } from '../../src/data/folder.js';

const root = mkdtempSync(join(tmpdir(), 'nncompress-folder-'));
afterAll(() => rmSync(root, { recursive: true }));

const PNG = new Set(['.png']);

/** A folder with these empty files. */
function folder(name: string, files: string[]): string {
  for (const file of files) {
    mkdirSync(dirname(join(root, name, file)), { recursive: true });
    writeFileSync(join(root, name, file), '');
  }
  return join(root, name);
}

describe('listFolder', () => {
  it('takes each sub-folder as a class, in byte order, with files at any depth', async () => {
    const path = folder('classes', [
      'dog/2.png',
      'dog/10.PNG',
      'dog/sub/1.png',
      'Cat/a.png',
      'dog/notes.txt',
      '.git/x.png',
    ]);
    const { files, classNames } = await listFolder(path, PNG);
    expect(classNames).toEqual(['Cat', 'dog']);
    expect(files.map((file) => [file.name, file.label])).toEqual([
      ['Cat/a.png', 'Cat'],
      ['dog/10.PNG', 'dog'],
      ['dog/2.png', 'dog'],
      ['dog/sub/1.png', 'dog'],
    ]);
  });

  it('keeps empty class folders, so that class indices stay as in training', async () => {
    const path = folder('empty-class', ['a/1.png', 'c/1.png']);
    mkdirSync(join(path, 'b'));
    expect((await listFolder(path, PNG)).classNames).toEqual(['a', 'b', 'c']);
  });

  it('lists a flat folder without labels', async () => {
    const { files, classNames } = await listFolder(folder('flat', ['b.png', 'a.png']), PNG);
    expect(classNames).toBeUndefined();
    expect(files.map((file) => [file.name, file.label])).toEqual([
      ['a.png', undefined],
      ['b.png', undefined],
    ]);
  });

  it('asks which part is meant where a folder holds train and test', async () => {
    const path = folder('parts', ['train/a/1.png', 'test/a/2.png']);
    await expect(listFolder(path, PNG)).rejects.toThrow(
      /parts: holds several parts: test, train; name one of them: .*test/,
    );
    expect((await listFolder(path, PNG, 'train')).files.map((file) => file.name)).toEqual(['a/1.png']);
  });

  it('goes down into a single part', async () => {
    expect((await listFolder(folder('one-part', ['test/a/2.png']), PNG)).classNames).toEqual(['a']);
  });

  it.each([
    ['missing', [], /there is no such file; check the path/],
    ['none', ['a/x.txt'], /holds no files that end in .png; give a folder with one sub-folder per class/],
    ['mixed', ['x.png', 'a/y.png'], /holds files \(x.png\) beside class folders \(a\)/],
  ])('refuses a folder that is %s', async (name, files, message) => {
    await expect(listFolder(folder(name, files), PNG)).rejects.toThrow(message);
  });

  it('stops at a link that leads back', async () => {
    const path = folder('loop', ['a/1.png']);
    symlinkSync(path, join(path, 'a', 'up'));
    await expect(listFolder(path, PNG)).rejects.toThrow(/nested too deeply|ELOOP/);
  });
});
