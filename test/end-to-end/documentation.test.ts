import { spawnSync } from 'node:child_process';
import { chmodSync, mkdirSync, readdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs';
import { delimiter, join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { isThorough, program, root, scratch } from './program.js';

/** Pages whose examples are always run; all together take long. */
const ALWAYS = ['README.md', 'docs/adapt.md', 'docs/config.md'];

const PAGES = [
  'README.md',
  ...readdirSync(join(root, 'docs'))
    .filter((name) => name.endsWith('.md'))
    .map((name) => `docs/${name}`),
];

/** Blocks of shell commands that a page marks with `sh run`. */
function examplesOf(page: string): string[] {
  return [...readFileSync(join(root, page), 'utf8').matchAll(/^```sh run\n(.*?)^```/gms)].map(([, text]) => text!);
}

/** A folder with the fixtures, and one with `nncompress` to be put on the path. */
function workplace(): { folder: string; path: string } {
  const folder = scratch();
  symlinkSync(join(root, 'fixtures'), join(folder, 'fixtures'));
  mkdirSync(join(folder, 'bin'));
  writeFileSync(join(folder, 'bin/nncompress'), `#!/bin/sh\nexec "${process.execPath}" "${program}" "$@"\n`);
  chmodSync(join(folder, 'bin/nncompress'), 0o755);
  return { folder, path: `${join(folder, 'bin')}${delimiter}${process.env.PATH}` };
}

describe.skipIf(process.platform === 'win32')('examples', () => {
  const pages = PAGES.filter((page) => isThorough || ALWAYS.includes(page));
  const examples = pages.flatMap((page) => examplesOf(page).map((text) => ({ page, text, start: text.slice(0, 50) })));
  it('are there', () => expect(examples.length).toBeGreaterThan(5));
  it.each(examples)('of $page run: $start', ({ text }) => {
    const { folder, path } = workplace();
    const env = { ...process.env, PATH: path };
    const { status, stderr } = spawnSync('sh', ['-ec', text], { cwd: folder, env, encoding: 'utf8' });
    expect(stderr).not.toContain('nncompress:');
    expect(status).toBe(0);
  });
});

describe('links', () => {
  it.each(PAGES)('of %s lead somewhere', (page) => {
    const text = readFileSync(join(root, page), 'utf8');
    for (const [, target] of text.matchAll(/\]\((?!https?:)([^)#]+)\)/g))
      expect(readFileSync(join(root, page, '..', target!), 'utf8')).not.toBe('');
  });
});

/** Options of mpirun. */
const OF_OTHERS = ['--bind-to'];

describe('options', () => {
  it('that are named are there', () => {
    const help = [
      'quantize',
      'prune',
      'finetune',
      'distill',
      'adapt',
      'evaluate',
      'compare',
      'check',
      'inspect',
      'split',
      'doctor',
    ]
      .map((command) => spawnSync(process.execPath, [program, command, '--help'], { encoding: 'utf8' }).stdout)
      .join('');
    const text = PAGES.map((page) => readFileSync(join(root, page), 'utf8')).join('\n');
    const named = new Set([...text.matchAll(/(?<=[`\s(])--[a-z][\w-]+/g)].map(([option]) => option));
    expect([...named].filter((option) => !help.includes(option) && !OF_OTHERS.includes(option))).toEqual([]);
  });
});
