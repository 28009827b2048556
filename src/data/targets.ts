import { UserError } from '../errors.js';
import type { TensorValue } from '../ir/types.js';
import type { TaskData, TaskKind } from './task.js';

/** Classes of each row of a batch, and how many there are. */
type Encode = (rows: readonly (readonly number[])[], classes: number) => TensorValue;

/** How labels are told to a loss, by what the classifier decides. */
const ENCODE: Record<TaskKind, Encode> = {
  'single-label': (rows) => ({
    type: 'int64',
    dims: [rows.length],
    data: BigInt64Array.from(rows, ([target]) => BigInt(target!)),
  }),
  'multi-label': (rows, classes) => {
    const data = new Float32Array(rows.length * classes);
    for (const [row, targets] of rows.entries()) for (const target of targets) data[row * classes + target] = 1;
    return { type: 'float32', dims: [rows.length, classes], data };
  },
  binary: (rows) => ({ type: 'float32', dims: [rows.length, 1], data: Float32Array.from(rows, ([target]) => target!) }),
};

/**
 * The labels of samples as a loss takes them: class indices, int64 `[N]`; 0 and 1 for each class, float32 `[N, C]`, for
 * multi-label data; 0 or 1, float32 `[N, 1]`, for a binary model.
 * @throws UserError naming the first sample without a label, or with several where the model decides for one
 */
export function batchTargets(
  data: Pick<TaskData, 'dataset' | 'labels' | 'kind'>,
  indices: readonly number[],
): TensorValue {
  const { kind, labels } = data;
  const rows = indices.map((index) => {
    const target = labels.targets[index];
    if (target === undefined) throw labelError(data, index, 'has no label', 'label every sample that is trained on');
    const classes = [target].flat();
    if (kind === 'multi-label' || classes.length === 1) return classes;
    throw labelError(data, index, `has ${classes.length} labels`, 'give one: the model decides for one class');
  });
  return ENCODE[kind](rows, labels.classes.length);
}

function labelError({ dataset }: Pick<TaskData, 'dataset'>, index: number, what: string, mend: string): UserError {
  return new UserError(what, { file: dataset.path, where: dataset.describe(index), mend });
}
