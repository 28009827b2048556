import { inferSymbolicShapes } from '../../analysis/symbolic-shapes.js';
import { UserError } from '../../errors.js';
import type { Model } from '../../ir/model.js';
import type { Node } from '../../ir/node.js';
import type { DataType } from '../../ir/types.js';
import { ancestorsOf } from '../../ir/uses.js';

/** A point at which a model gives scores. */
export interface Exit {
  /** For people. */
  name: string;
  /** The value of the model that it was added behind, if it was. */
  after?: string | undefined;
  /** The value that holds the scores, a row per sample, in the form of the last exit. */
  scores: string;
  /** What logits are divided by before a row's uncertainty is measured. */
  temperature: number;
}

/** Where the samples of a batch lie in the values of a model. */
export interface RowAxes {
  /** Samples that the model insists on; undefined where it takes any number. */
  fixed: number | undefined;
  /** The axis of a value that runs over the samples; undefined where it has none, or none is known. */
  axisOf(name: string): number | undefined;
  typeOf(name: string): DataType | undefined;
  /** Length of each axis, as far as it is known. */
  dimsOf(name: string): readonly (number | string | undefined)[] | undefined;
}

/** Finds the axis of the samples in every value of the main graph, from the first axis of the inputs. */
export async function findRowAxes(model: Model): Promise<RowAxes> {
  const probe = model.clone();
  const rows = probe.freshName('rows');
  const inputs = probe.graph.inputs.filter(({ name }) => !probe.graph.initializers.has(name));
  let fixed: number | undefined;
  for (const info of inputs) {
    if (info.type?.kind !== 'tensor' || !info.type.shape?.length) continue;
    const [first, ...rest] = info.type.shape;
    if (typeof first === 'number') fixed = first;
    else info.type = { ...info.type, shape: [rows, ...rest] };
  }
  const { facts } = await inferSymbolicShapes(probe);
  const counts = countingValues(probe);
  return {
    fixed,
    axisOf: (name) => {
      if (counts.has(name)) return undefined;
      const axis = facts.get(name)?.dims?.indexOf(rows) ?? -1;
      return axis < 0 ? undefined : axis;
    },
    typeOf: (name) => facts.get(name)?.type,
    dimsOf: (name) => facts.get(name)?.dims,
  };
}

/** For each node that an exit depends on, the first such exit. */
export function levelsOf({ graph }: Model, exits: readonly Pick<Exit, 'scores'>[]): Map<Node, number> {
  const { producer } = graph.index();
  const levels = new Map<Node, number>();
  for (const [level, { scores }] of exits.entries()) {
    for (const node of ancestorsOf([scores], producer, levels)) levels.set(node, level);
  }
  return levels;
}

/** @throws UserError where a model takes several samples at a time, and just so many */
export function checkOpenBatch({ fixed }: RowAxes, file: string | undefined): void {
  if (fixed === undefined || fixed === 1) return;
  throw new UserError(`takes ${fixed} samples at a time, so that none can leave before the others`, {
    file,
    mend: 'export it with an open batch axis, or for one sample',
  });
}

/** Operators that hand numbers on, by the inputs that they take them from; all of them where none are named. */
const HAND_ON: Readonly<Record<string, readonly number[]>> = {
  ...Object.fromEntries(
    ['Abs', 'Add', 'Cast', 'Concat', 'Div', 'Identity', 'Max', 'Min', 'Mod', 'Mul', 'Neg', 'Range', 'Sub', 'Where'].map(
      (type) => [type, []],
    ),
  ),
  ...Object.fromEntries(
    ['Expand', 'Flatten', 'Gather', 'Reshape', 'Slice', 'Split', 'Squeeze', 'Tile', 'Transpose', 'Unsqueeze'].map(
      (type) => [type, [0]],
    ),
  ),
};

/** Values that hold sizes, or numbers counted up to a size: for fewer samples they are others, not fewer. */
function countingValues({ graph }: Model): Set<string> {
  graph.sort();
  const counting = new Set<string>();
  for (const { type, inputs, outputs } of graph.nodes) {
    const positions = HAND_ON[type];
    const counts =
      type === 'Shape' ||
      type === 'Size' ||
      (positions && inputs.some((name, k) => counting.has(name) && (!positions.length || positions.includes(k))));
    if (counts) for (const output of outputs) counting.add(output);
  }
  return counting;
}
