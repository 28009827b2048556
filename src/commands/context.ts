import type { ChalkInstance, ColorSupportLevel } from 'chalk';
import { boundTo, type Launcher, tuneMpi, type World, worldOf } from '../parallel/world.js';
import type { Progress } from './progress.js';

/** How much a command says besides its result. */
export type Verbosity = 'quiet' | 'normal' | 'verbose';

/** What a command is given besides its options: where it speaks, and how. */
export interface CommandContext {
  /** Writes a line (or several) of the result to stdout. */
  print(text: string): void;
  /** Writes a remark to stderr, unless quiet. */
  note(text: string): void;
  /** Writes a remark to stderr where more is wanted. */
  detail(text: string): void;
  /** Colours of what is printed; does nothing where colour is not wanted. */
  readonly color: ChalkInstance;
  /** Columns of the terminal, or 80. */
  readonly width: number;
  readonly verbosity: Verbosity;
  /** Progress of long work, on stderr. */
  readonly progress: Progress;
  /** The processes of the job; only the first of them writes, judges and speaks. */
  readonly world: World;
}

/** The display options that every command has. */
export interface DisplayOptions {
  quiet: boolean;
  verbose: boolean;
  color: boolean;
}

/**
 * The context of a real run, on the process's own streams.
 * @throws UserError where mpirun and the launcher that was named do not go together
 */
export async function createContext(options: DisplayOptions & { launcher?: Launcher }): Promise<CommandContext> {
  const world = worldOf(options.launcher ?? 'local');
  if (world.size > 1) tuneMpi();
  const quiet = options.quiet || world.rank > 0;
  const [{ Chalk, supportsColor }, { createProgress }] = await Promise.all([import('chalk'), import('./progress.js')]);
  const verbosity = quiet ? 'quiet' : options.verbose ? 'verbose' : 'normal';
  const colorful = options.color && !process.env.NO_COLOR;
  const level = (colorful && supportsColor ? supportsColor.level : 0) as ColorSupportLevel;
  const progress = createProgress(process.stderr, quiet);
  const remark = (text: string) => progress.interrupt(() => process.stderr.write(`${text}\n`));
  const bound = boundTo(world);
  if (bound && !quiet) remark(bound);
  return {
    print: (text) => progress.interrupt(() => process.stdout.write(`${text}\n`)),
    note: (text) => verbosity !== 'quiet' && remark(text),
    detail: (text) => verbosity === 'verbose' && remark(text),
    color: new Chalk({ level }),
    width: process.stdout.columns || 80,
    verbosity,
    progress,
    world,
  };
}
