import { spawnSync } from 'node:child_process';
import { Command } from 'commander';
import { describe, expect, it } from 'vitest';
import { completionArguments, quantizeArguments } from '../../src/commands/arguments.js';
import { completionScript } from '../../src/commands/completion.js';

const program = new Command('nncompress');
quantizeArguments(program.command('quantize'));
completionArguments(program.command('completion'));

/** What bash offers for a line. */
function offered(...words: string[]): string[] {
  const script = `${completionScript('bash', program)}
    COMP_WORDS=(${words.map((word) => `'${word}'`).join(' ')}); COMP_CWORD=${words.length - 1}
    _nncompress; printf '%s\\n' "\${COMPREPLY[@]}"`;
  const { stdout, stderr } = spawnSync('bash', ['-c', script], { encoding: 'utf8' });
  expect(stderr).toBe('');
  return stdout.trim().split('\n');
}

describe('completion for bash', () => {
  it.runIf(spawnSync('bash', ['--version']).status === 0)('offers commands, options and their words', () => {
    expect(offered('nncompress', 'q')).toEqual(['quantize']);
    expect(offered('nncompress', 'quantize', '--max-d')).toEqual(['--max-drop']);
    expect(offered('nncompress', 'quantize', '--method', 'int')).toEqual(['int8-weights', 'int4-weights']);
    expect(offered('nncompress', 'completion', '')).toEqual(['bash', 'zsh', 'fish']);
  });
});

describe('completion for zsh and fish', () => {
  it('describes every option', () => {
    const zsh = completionScript('zsh', program);
    expect(zsh).toContain(
      "'*--method[auto, static, dynamic, int8-weights, int4-weights, fp16 (default\\: auto)]:value:(auto",
    );
    expect(zsh).toContain("'*--force[replace files that exist]'");
    const fish = completionScript('fish', program);
    expect(fish).toContain(
      "complete -c nncompress -n '__fish_seen_subcommand_from quantize' -s o -l output -r -d 'model to write'",
    );
    expect(fish).toContain("-l device -x -a 'cpu cuda webgpu auto'");
  });
});
