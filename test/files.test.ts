import { spawnSync } from 'node:child_process';
import {
  chmodSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { UserError } from '../src/errors.js';
import {
  checkOutput,
  lastingFolder,
  passingFolder,
  removeUnfinishedFiles,
  trackUnfinished,
  writeAtomically,
} from '../src/files.js';

let folder: string;
let target: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'nncompress-'));
  target = join(folder, 'out.onnx');
});
afterEach(() => rmSync(folder, { recursive: true }));

const systemError = (code: string) => Object.assign(new Error(`${code}: something`), { code });

describe('writeAtomically', () => {
  it('shows the file only when it is complete', async () => {
    await writeAtomically(target, (temporary) => {
      writeFileSync(temporary, 'new');
      expect(existsSync(target)).toBe(false);
    });
    expect(readFileSync(target, 'utf8')).toBe('new');
    expect(readdirSync(folder)).toEqual(['out.onnx']);
  });

  it('waits for what is written later', async () => {
    await writeAtomically(target, async (temporary) => {
      await new Promise((resolve) => setTimeout(resolve, 5));
      writeFileSync(temporary, 'late');
    });
    expect(readFileSync(target, 'utf8')).toBe('late');
  });

  it('leaves the old file and nothing else after a failure, and passes it on', async () => {
    writeFileSync(target, 'old');
    const failure = new RangeError('a bug');
    const writing = writeAtomically(target, (temporary) => {
      writeFileSync(temporary, 'half');
      throw failure;
    });
    await expect(writing).rejects.toBe(failure);
    expect(readFileSync(target, 'utf8')).toBe('old');
    expect(readdirSync(folder)).toEqual(['out.onnx']);
  });

  it.each([
    ['ENOSPC', 'cannot write: the disk is full; free some space or write elsewhere'],
    ['EACCES', 'cannot write: no permission to write here; choose another place'],
    ['EROFS', 'cannot write: the file system is read-only; choose another place'],
    ['EIO', 'cannot write: EIO: something; check the path'],
  ])('says what %s means', async (code, message) => {
    const writing = writeAtomically(target, () => {
      throw systemError(code);
    });
    await expect(writing).rejects.toThrow(`${target}: ${message}`);
  });

  it.skipIf(!existsSync('/dev/full'))('says so when the disk is full', async () => {
    const writing = writeAtomically(target, () => writeFileSync('/dev/full', 'data'));
    await expect(writing).rejects.toThrow(`${target}: cannot write: the disk is full`);
    expect(readdirSync(folder)).toEqual([]);
  });

  it('says so when the folder does not exist', async () => {
    expect(() => checkOutput(folder, true, '--report')).toThrow('the output is a folder; name a file with --report');
    const lost = join(folder, 'none', 'out.onnx');
    const writing = writeAtomically(lost, (temporary) => writeFileSync(temporary, 'data'));
    await expect(writing).rejects.toThrow(`${lost}: cannot write: the folder does not exist; create it first`);
  });

  it.skipIf(process.platform === 'win32' || process.getuid?.() === 0)('says so where it may not write', async () => {
    chmodSync(folder, 0o500);
    const writing = writeAtomically(target, (temporary) => writeFileSync(temporary, 'data'));
    await expect(writing).rejects.toThrow(`${target}: cannot write: no permission to write here`);
    chmodSync(folder, 0o700);
  });

  it('does not replace a folder', async () => {
    mkdirSync(target);
    const writing = writeAtomically(target, (temporary) => writeFileSync(temporary, 'data'));
    await expect(writing).rejects.toThrow(UserError);
    expect(readdirSync(folder)).toEqual(['out.onnx']);
  });
});

describe('removeUnfinishedFiles', () => {
  it('removes what an interrupted run has begun, and nothing that is complete', async () => {
    await writeAtomically(join(folder, 'done'), (temporary) => writeFileSync(temporary, 'data'));
    mkdirSync(join(folder, 'scratch'));
    writeFileSync(join(folder, 'scratch', 'part'), 'data');
    writeFileSync(join(folder, 'kept'), 'data');
    trackUnfinished(join(folder, 'scratch'));
    trackUnfinished(join(folder, 'kept')).done();
    let interrupted = () => {};
    const writing = writeAtomically(target, async (temporary) => {
      writeFileSync(temporary, 'half');
      await new Promise<void>((resolve) => {
        interrupted = resolve;
      });
    });
    expect(readdirSync(folder)).toHaveLength(4);
    removeUnfinishedFiles();
    expect(readdirSync(folder).sort()).toEqual(['done', 'kept']);
    interrupted();
    await expect(writing).rejects.toThrow(UserError);
  });
});

describe('what a process leaves that is killed outright', () => {
  const files = fileURLToPath(new URL('../dist/files.js', import.meta.url));
  const killed = `
    import { mkdirSync, writeFileSync } from 'node:fs';
    import { passingFolder, writeAtomically } from '${files}';
    const [target] = process.argv.slice(1);
    mkdirSync(passingFolder(target).path);
    await writeAtomically(target, (temporary) => {
      writeFileSync(temporary, 'half');
      process.kill(process.pid, 'SIGKILL');
    });`;
  const leave = () => {
    const { signal } = spawnSync(process.execPath, ['--input-type=module', '-e', killed, target]);
    expect(signal).toBe('SIGKILL');
    return readdirSync(folder).sort();
  };

  it('is cleared by the next that writes the same file or wants a folder beside it', async () => {
    expect(leave()).toHaveLength(2);
    await writeAtomically(target, (temporary) => writeFileSync(temporary, 'whole'));
    expect(readdirSync(folder)).toEqual(['out.onnx']);
    expect(leave()).toHaveLength(3);
    passingFolder(target);
    expect(readdirSync(folder)).toEqual(['out.onnx']);
  });

  it('stays where it may be in use: by a process that runs, of another machine, or for another file', () => {
    const [left] = leave();
    const others = [
      left!.replace(/-\d+-/, `-${process.pid}-`),
      left!.replace(/-\d+-/, `-${process.ppid}-`),
      left!.replace(/\.[0-9a-f]{8}-/, '.00000000-'),
      left!.replace('out.onnx', 'out.onnx.checkpoint'),
      left!.replace('out.onnx', 'other.onnx'),
      '.out.onnx.tmp',
    ];
    for (const other of others) writeFileSync(join(folder, other), 'in use');
    passingFolder(target);
    expect(readdirSync(folder).sort()).toEqual(others.sort());
  });
});

describe('checkOutput', () => {
  it('accepts a new file, and an old one by force', () => {
    checkOutput(target, false);
    writeFileSync(target, 'old');
    checkOutput(target, true);
    expect(() => checkOutput(target, false)).toThrow(
      `${target}: the output exists; pass --force to replace it or name another with -o`,
    );
  });

  it('names the option that is meant', () => {
    writeFileSync(target, 'old');
    expect(() => checkOutput(target, false, '--report')).toThrow('--force to replace it or name another with --report');
    expect(() => checkOutput(target, false, null)).toThrow(/the output exists; pass --force to replace it$/);
  });

  it.skipIf(process.platform === 'win32' || process.getuid?.() === 0)('refuses a folder that cannot be written', () => {
    chmodSync(folder, 0o555);
    const check = () => checkOutput(join(folder, 'new.onnx'), false);
    expect(check).toThrow('cannot write: no permission to write here; choose another place');
    chmodSync(folder, 0o755);
  });

  it('refuses a folder, and a file in a folder that does not exist', () => {
    expect(() => checkOutput(folder, true)).toThrow(`${folder}: the output is a folder; name a file with -o`);
    expect(() => checkOutput(folder, true, '--report')).toThrow('the output is a folder; name a file with --report');
    const lost = join(folder, 'none', 'out.onnx');
    expect(() => checkOutput(lost, true)).toThrow(`${lost}: the folder of the output does not exist; create`);
    writeFileSync(target, 'old');
    expect(() => checkOutput(join(target, 'out.onnx'), true)).toThrow('the folder of the output is a file');
  });
});

describe('a folder for files that a run needs', () => {
  const use = (path: string) => {
    mkdirSync(path, { recursive: true });
    writeFileSync(join(path, 'scores.npy'), 'x');
  };

  it('lies beside the output and is gone when it is closed, or where the run is interrupted', () => {
    for (const end of [(one: { close(): void }) => one.close(), removeUnfinishedFiles]) {
      const passing = passingFolder(target);
      use(passing.path);
      expect(readdirSync(folder)).toHaveLength(1);
      end(passing);
      expect(readdirSync(folder)).toEqual([]);
    }
    passingFolder(target).close(); // it was never made
  });

  it('stays where it was named', () => {
    const lasting = lastingFolder(join(folder, 'kept'));
    use(lasting.path);
    lasting.close();
    removeUnfinishedFiles();
    expect(readdirSync(join(folder, 'kept'))).toEqual(['scores.npy']);
  });
});
