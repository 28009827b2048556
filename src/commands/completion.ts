import type { Argument, Command, Option } from 'commander';
import { EXIT } from '../errors.js';
import {
  CALIBRATION_METHODS,
  CHANNEL_ORDERS,
  DEVICES,
  FEATURES,
  IMPORTANCES,
  INTERPOLATIONS,
  METHODS,
  PADDINGS,
  PREFERENCES,
  RESIZE_MODES,
  SCOPES,
  TARGETS,
  UNCERTAINTIES,
} from './choices.js';

/** Words that options take, by long name; after other options with a value, shells complete files. */
const WORDS: Readonly<Record<string, readonly string[]>> = {
  '--device': DEVICES,
  '--method': METHODS,
  '--importance': IMPORTANCES,
  '--scope': SCOPES,
  '--prefer': PREFERENCES,
  '--target': TARGETS,
  '--calibration-method': CALIBRATION_METHODS,
  '--interpolation': INTERPOLATIONS,
  '--resize-mode': RESIZE_MODES,
  '--channels': CHANNEL_ORDERS,
  '--padding': PADDINGS,
  '--features': FEATURES,
  '--measure': UNCERTAINTIES,
};

interface CommandWords {
  name: string;
  description: string;
  options: readonly Option[];
  /** Words that its first argument takes; none where it takes files. */
  words: readonly string[];
}

const WRITERS: Readonly<Record<string, (commands: readonly CommandWords[]) => string>> = {
  bash: bashScript,
  zsh: zshScript,
  fish: fishScript,
};

/** Prints the completion script of a shell for the commands and options of a program. */
export async function run(shell: string, program: Command): Promise<void> {
  process.stdout.write(completionScript(shell, program));
  process.exitCode = EXIT.ok;
}

/** @param shell bash, zsh or fish. */
export function completionScript(shell: string, program: Command): string {
  const commands = program.commands.map((command): CommandWords => {
    const [argument] = command.registeredArguments as Argument[];
    return {
      name: command.name(),
      description: command.description(),
      options: command.options,
      words: argument?.argChoices ?? [],
    };
  });
  return WRITERS[shell]!(commands);
}

const namesOf = (option: Option) => [option.short, option.long].filter((name) => name !== undefined);

/** Options of all commands that take one of some words, each once. */
function wordOptions(commands: readonly CommandWords[]): [name: string, words: readonly string[]][] {
  const known = new Set(commands.flatMap(({ options }) => options.map(({ long }) => long)));
  return Object.entries(WORDS).filter(([name]) => known.has(name));
}

function bashScript(commands: readonly CommandWords[]): string {
  const values = wordOptions(commands).map(
    ([name, words]) => `    ${name}) COMPREPLY=($(compgen -W "${words.join(' ')}" -- "$current")); return;;`,
  );
  const cases = commands.map(({ name, options, words }) => {
    const flags = options.flatMap(namesOf).join(' ');
    return `    ${name}) flags="${flags}"; words="${words.join(' ')}";;`;
  });
  return `# Completion of nncompress for bash.
_nncompress() {
  local current="\${COMP_WORDS[COMP_CWORD]}" previous="\${COMP_WORDS[COMP_CWORD-1]}" flags="" words=""
  if [ "$COMP_CWORD" -eq 1 ]; then
    COMPREPLY=($(compgen -W "${commands.map(({ name }) => name).join(' ')} --help --version" -- "$current"))
    return
  fi
  case "$previous" in
${values.join('\n')}
  esac
  case "\${COMP_WORDS[1]}" in
${cases.join('\n')}
  esac
  case "$current" in
    -*) COMPREPLY=($(compgen -W "$flags --help" -- "$current"));;
    *) if [ -n "$words" ]; then COMPREPLY=($(compgen -W "$words" -- "$current"));
       else compopt -o filenames 2>/dev/null; COMPREPLY=($(compgen -f -- "$current")); fi;;
  esac
}
complete -F _nncompress nncompress
`;
}

function zshScript(commands: readonly CommandWords[]): string {
  const quoted = (text: string) => text.replaceAll("'", "'\\''");
  const bracketed = (text: string) => quoted(text).replace(/[[\]:\\]/g, '\\$&');
  const specs = (option: Option) =>
    namesOf(option).map((name) => {
      const words = WORDS[option.long ?? ''];
      const value = option.required ? `:value:${words ? `(${words.join(' ')})` : '_files'}` : '';
      return `'*${name}[${bracketed(option.description)}]${value}'`;
    });
  const cases = commands.map(({ name, options, words }) => {
    const rest = words.length ? `'1:word:(${words.join(' ')})'` : "'*:file:_files'";
    return `    ${name}) _arguments ${[...options.flatMap(specs), rest].join(' \\\n      ')};;`;
  });
  return `#compdef nncompress
# Completion of nncompress for zsh.
_nncompress() {
  local -a commands=(
${commands.map(({ name, description }) => `    '${name}:${quoted(description)}'`).join('\n')}
  )
  if (( CURRENT == 2 )); then _describe command commands; return; fi
  local command=$words[2]
  shift words; (( CURRENT-- ))
  case $command in
${cases.join('\n')}
  esac
}
compdef _nncompress nncompress
`;
}

function fishScript(commands: readonly CommandWords[]): string {
  const quoted = (text: string) => `'${text.replace(/[\\']/g, '\\$&')}'`;
  const line = (...parts: string[]) => ['complete -c nncompress', ...parts.filter(Boolean)].join(' ');
  const lines = commands.flatMap(({ name, description, options, words }) => {
    const inside = `-n '__fish_seen_subcommand_from ${name}'`;
    return [
      line('-n __fish_use_subcommand -f', `-a ${name}`, `-d ${quoted(description)}`),
      ...options.map((option) => {
        const values = WORDS[option.long ?? ''];
        return line(
          inside,
          option.short ? `-s ${option.short.slice(1)}` : '',
          option.long ? `-l ${option.long.slice(2)}` : '',
          option.required ? (values ? `-x -a ${quoted(values.join(' '))}` : '-r') : '',
          `-d ${quoted(option.description)}`,
        );
      }),
      ...(words.length ? [line(inside, '-f', `-a ${quoted(words.join(' '))}`)] : []),
    ];
  });
  return `# Completion of nncompress for fish.\n${lines.join('\n')}\n`;
}
