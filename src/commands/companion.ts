import { classOrder } from '../data/class-order.js';
import type { TaskData } from '../data/task.js';
import type { Dataset } from '../data/types.js';
import { UserError } from '../errors.js';
import type { CommandContext } from './context.js';
import { besideWhich } from './model-pair.js';
import { resolveModelPath } from './model-path.js';
import { preprocessingShape } from './option-shapes.js';
import { openWorkbench, type Workbench, type WorkbenchOptions } from './workbench.js';

/** A model that works on the data of another one, perhaps in a form of its own: a teacher, the first of a cascade. */
export interface Companion {
  bench: Workbench;
  /** Opens data as the files beside it say or, where there are none, as those beside the main model say. */
  open(data: string | Dataset): Promise<TaskData>;
}

/** Options that are told of the main model alone: a companion's own files speak for it. */
const MAIN_ONLY = Object.fromEntries(['labels', ...Object.keys(preprocessingShape)].map((key) => [key, undefined]));

/**
 * Opens a companion of the model at `mainPath`.
 * @param isAlike true where options that set preprocessing are about it too.
 * @throws UserError where it cannot be run
 */
export async function openCompanion(
  given: string,
  mainPath: string,
  options: WorkbenchOptions,
  context: CommandContext,
  isAlike = false,
): Promise<Companion> {
  const path = resolveModelPath(given);
  const bench = await openWorkbench(path, isAlike ? options : { ...options, ...MAIN_ONLY }, context);
  const beside = await besideWhich(path, mainPath);
  return { bench, open: (data) => bench.open(data, beside) };
}

/**
 * The place of each class of a model among those of its companion.
 * @param mainName what the model is called in messages: `the student`.
 * @returns undefined for models of one score
 * @throws UserError where the two decide for something else, or the companion lacks a class
 */
export function matchClasses(
  main: TaskData,
  other: TaskData,
  { bench }: Companion,
  mainName: string,
): number[] | undefined {
  const file = bench.path;
  if (main.kind !== other.kind)
    throw new UserError(`is a ${other.kind} model, ${mainName} a ${main.kind} one`, {
      file,
      mend: 'take models of the same task',
    });
  try {
    const order = classOrder(main.labels.classes, other.labels.classes);
    const isBinary = main.kind === 'binary';
    if (isBinary && order[0] !== 0)
      throw new UserError(`its one score stands for another class than that of ${mainName}`);
    return isBinary ? undefined : order;
  } catch (error) {
    throw error instanceof UserError ? error.at({ file }) : error;
  }
}
