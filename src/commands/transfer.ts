import { embedClassNames, readLabelList } from '../data/labels.js';
import { openDataset } from '../data/open.js';
import { scoreOutput } from '../data/task.js';
import type { Dataset } from '../data/types.js';
import { UserError } from '../errors.js';
import type { Model } from '../ir/model.js';
import { foldConstants } from '../passes/cleanup/fold-constants.js';
import { removeDeadNodes } from '../passes/cleanup/remove-dead-nodes.js';
import { runPasses } from '../passes/pass.js';
import { type Head, replaceHead } from '../passes/replace-head.js';
import { seededRandom } from '../random.js';
import { datasetOptions, deriveWorkbench, type Workbench, type WorkbenchOptions } from './workbench.js';

/** A model with a new last layer, and that layer. */
export interface Transfer {
  bench: Workbench;
  head: Head;
}

/**
 * Gives a model a last layer for other classes: those of a file, or of the training data.
 * @throws UserError where there are fewer than two, or the last layer cannot be replaced
 */
export async function openTransfer(
  original: Workbench,
  options: WorkbenchOptions & { train: string; classes: string; seed: number },
): Promise<Transfer> {
  const names =
    options.classes === 'auto'
      ? classesOf(await openDataset(options.train, datasetOptions(options)))
      : await readLabelList(options.classes);
  if (names.length < 2)
    throw new UserError(`names ${names.length} class`, {
      file: options.classes === 'auto' ? options.train : options.classes,
      mend: 'a classifier needs two or more',
    });
  const twice = names.find((name, place) => names.indexOf(name) < place);
  if (twice !== undefined)
    throw new UserError(`names the class '${twice}' twice`, {
      file: options.classes,
      where: `line ${names.lastIndexOf(twice) + 1}`,
      mend: 'name every class once',
    });
  const { name: output } = scoreOutput(original.info.outputs, undefined);
  const { model, head } = await withNewHead(original.model, output, names.length, options.seed);
  embedClassNames(model.metadata, names);
  return { bench: await deriveWorkbench(original, model, options), head };
}

/** A copy with a new last layer. Constants are only folded where that shows the layer: folding gives weights other names. */
export async function withNewHead(
  original: Model,
  output: string,
  classes: number,
  seed: number,
): Promise<{ model: Model; head: Head }> {
  const model = original.clone();
  try {
    return { model, head: replaceHead(model, output, classes, seededRandom(seed)) };
  } catch (error) {
    if (!(error instanceof UserError)) throw error;
    const folded = original.clone();
    await runPasses(folded, [foldConstants, removeDeadNodes]);
    return { model: folded, head: replaceHead(folded, output, classes, seededRandom(seed)) };
  }
}

/** The names of a data set's classes: in the order that it tells, else sorted, numbers by their value. */
function classesOf(dataset: Dataset): string[] {
  if (dataset.classNames) return [...dataset.classNames];
  const found = new Set<string>();
  for (let index = 0; index < dataset.size; index++)
    for (const label of [dataset.label(index) ?? []].flat()) found.add(String(label));
  return [...found].sort((a, b) => a.localeCompare(b, 'en', { numeric: true }));
}
