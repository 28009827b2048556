import { Command, CommanderError } from 'commander';
import type { z } from 'zod';
import { adaptArguments } from './commands/adapt-arguments.js';
import {
  checkArguments,
  compareArguments,
  completionArguments,
  distillArguments,
  doctorArguments,
  evaluateArguments,
  finetuneArguments,
  initArguments,
  inspectArguments,
  quantizeArguments,
  splitArguments,
} from './commands/arguments.js';
import type { CommandContext, DisplayOptions } from './commands/context.js';
import { PartDone } from './commands/group.js';
import type { JobName } from './commands/jobs.js';
import type { PlaceOfOption } from './commands/parse-options.js';
import { pruneArguments } from './commands/prune-arguments.js';
import { EXIT, messageOf, UserError } from './errors.js';
import { removeUnfinishedFiles } from './files.js';
import { toolVersion } from './version.js';

type Arguments = (string | undefined)[];

/** What a command's module exports; it is imported when the command is called. */
interface CommandModule<A extends Arguments, S extends z.ZodType<DisplayOptions>> {
  options: S;
  /** Runs the command and returns the exit code. */
  run(...args: [...A, z.output<S>, CommandContext]): Promise<number>;
}

function createProgram(): Command {
  const program = new Command('nncompress')
    .description('Makes trained ONNX models smaller and faster, and proves what that did to their quality.')
    .version(toolVersion())
    .exitOverride()
    .configureOutput({ outputError: (text, write) => write(oneLine(text)) })
    .showSuggestionAfterError();
  quantizeArguments(program.command('quantize')).action(job('quantize', () => import('./commands/quantize.js')));
  pruneArguments(program.command('prune')).action(job('prune', () => import('./commands/prune.js')));
  finetuneArguments(program.command('finetune')).action(job('finetune', () => import('./commands/finetune.js')));
  distillArguments(program.command('distill')).action(job('distill', () => import('./commands/distill.js')));
  adaptArguments(program.command('adapt')).action(job('adapt', () => import('./commands/adapt.js')));
  evaluateArguments(program.command('evaluate')).action(job('evaluate', () => import('./commands/evaluate.js')));
  compareArguments(program.command('compare')).action(job('compare', () => import('./commands/compare.js')));
  checkArguments(program.command('check')).action(execute(() => import('./commands/check.js')));
  initArguments(program.command('init')).action(execute(() => import('./commands/init.js')));
  inspectArguments(program.command('inspect')).action(execute(() => import('./commands/inspect.js')));
  splitArguments(program.command('split')).action(execute(() => import('./commands/split.js')));
  doctorArguments(program.command('doctor')).action(execute(() => import('./commands/doctor.js')));
  completionArguments(program.command('completion')).action(async (shell: string) =>
    (await import('./commands/completion.js')).run(shell, program),
  );
  return program;
}

/** Makes a commander action of a command: load, check the options, run, keep the exit code. */
function execute<A extends Arguments, S extends z.ZodType<DisplayOptions>>(load: () => Promise<CommandModule<A, S>>) {
  return (...args: unknown[]) => start(load, args.slice(0, -2) as A, args.at(-2));
}

/** The same for a command that may take its models and options from a config file. */
function job<A extends Arguments, S extends z.ZodType<DisplayOptions>>(
  name: JobName,
  load: () => Promise<CommandModule<A, S>>,
) {
  return async (...args: unknown[]) => {
    const program = args.at(-1) as Command;
    const given = Object.keys(program.opts()).filter((key) => program.getOptionValueSource(key) === 'cli');
    const named = args.slice(0, -2).filter((model) => model !== undefined) as string[];
    const { resolveInvocation } = await import('./commands/invocation.js');
    const { models, options, placeOf } = await resolveInvocation(name, named, program.opts(), new Set(given));
    await start(load, models as A, options, placeOf);
  };
}

async function start<A extends Arguments, S extends z.ZodType<DisplayOptions>>(
  load: () => Promise<CommandModule<A, S>>,
  given: A,
  values: unknown,
  placeOf?: PlaceOfOption,
): Promise<void> {
  const [command, { parseOptions }, { createContext }] = await Promise.all([
    load(),
    import('./commands/parse-options.js'),
    import('./commands/context.js'),
  ]);
  const options = parseOptions(command.options, values, placeOf);
  const context = await createContext(options);
  inGroup = context.world.size > 1;
  process.exitCode = await command.run(...given, options, context);
}

/** True in one of several processes that mpirun started. */
let inGroup = false;

async function main(argv: readonly string[]): Promise<void> {
  handleSignals();
  process.stdout.on('error', ignoreClosedPipe);
  process.stderr.on('error', ignoreClosedPipe);
  try {
    await createProgram().parseAsync(argv);
  } catch (error) {
    process.exitCode =
      error instanceof PartDone ? EXIT.ok : report(error, argv.includes('--verbose') || argv.includes('-v'));
  }
  // Threads may wait inside MPI for processes that go on, and its library does not outlive an ordinary end.
  if (inGroup) (process as unknown as { reallyExit(code: unknown): never }).reallyExit(process.exitCode);
}

/** Says what went wrong, and returns the exit code for it. */
function report(error: unknown, verbose: boolean): number {
  if (error instanceof CommanderError) return error.exitCode === 0 ? EXIT.ok : EXIT.userError;
  const stack = verbose && error instanceof Error ? `${error.stack}\n` : '';
  if (error instanceof UserError) {
    process.stderr.write(`nncompress: ${error.message}\n${stack}`);
    return EXIT.userError;
  }
  removeUnfinishedFiles();
  const hint = stack
    ? 'please report it with the lines below'
    : 'run again with --verbose and please report what it prints';
  process.stderr.write(`nncompress: this is a bug: ${messageOf(error)}; ${hint}\n${stack}`);
  return EXIT.bug;
}

/** Commander's message with its suggestion, as one line. */
function oneLine(text: string): string {
  const [what = '', suggestion] = text
    .replace(/^error: /, '')
    .trim()
    .split('\n');
  return `nncompress: ${what}${suggestion ? ` ${suggestion.replace('(Did', '(did')}` : ''}\n`;
}

/** How long ONNX Runtime may take to finish a run that is interrupted, in milliseconds. */
const GRACE = 2000;

/** Ctrl-C and SIGTERM remove unfinished files and end with exit code 130 and 143; a second one does not wait. */
function handleSignals(): void {
  for (const [signal, code] of [
    ['SIGINT', EXIT.interrupted],
    ['SIGTERM', 143],
  ] as const)
    process.once(signal, async () => {
      process.once(signal, () => endBy(signal));
      const { stopRuntime } = await import('./runtime/thread.js');
      if (!(await stopRuntime(GRACE))) return endBy(signal);
      clearUp();
      process.exit(code);
    });
}

/**
 * Ends the process by a signal, which shells report as the same exit code. `process.exit` would wait for a thread that is
 * inside ONNX Runtime, and abort there.
 */
function endBy(signal: 'SIGINT' | 'SIGTERM'): void {
  clearUp();
  process.removeAllListeners(signal);
  process.kill(process.pid, signal);
}

function clearUp(): void {
  removeUnfinishedFiles();
  if (process.stderr.isTTY) process.stderr.write('\r\x1b[K');
}

/** A reader that stopped reading, as in `nncompress … | head`, is no mistake. */
function ignoreClosedPipe(error: NodeJS.ErrnoException): void {
  if (error.code !== 'EPIPE') throw error;
}

void main(process.argv);
