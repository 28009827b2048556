import { resizeAxis } from '../ir/resize-axis.js';
import type { NamedValues, TensorValue } from '../ir/types.js';
import { stack } from './stack.js';

/** How an input grows where samples of a batch differ in length. */
export interface Padding {
  /** Axis of the sample (without batch axis) whose length differs. */
  axis: number;
  /** Value of the added elements, in the input's own encoding. */
  value: number | bigint;
  side: 'left' | 'right';
  /** Length that is padded to even where every sample is shorter. */
  least?: number | undefined;
  /** The length becomes a multiple of this. */
  multiple?: number | undefined;
}

/**
 * Stacks samples along a new first axis; inputs named in `paddings` are padded to the longest of the batch first.
 * @throws UserError where samples differ in another axis
 */
export function padAndStack(samples: readonly NamedValues[], paddings: Readonly<Record<string, Padding>>): NamedValues {
  const lengths = new Map<string, number>();
  for (const [name, { axis, least = 0, multiple = 1 }] of Object.entries(paddings)) {
    const longest = samples.reduce((length, sample) => Math.max(length, sample[name]?.dims[axis] ?? 0), least);
    lengths.set(name, Math.ceil(longest / multiple) * multiple);
  }
  const pad = ([name, value]: [string, TensorValue]): [string, TensorValue] => {
    const padding = paddings[name];
    return [name, padding ? padTo(value, lengths.get(name)!, padding) : value];
  };
  return stack(samples.map((sample) => Object.fromEntries(Object.entries(sample).map(pad))));
}

/** One value, longer: `[2, 3]` padded to 4 along its last axis becomes `[2, 4]`. */
function padTo(value: TensorValue, length: number, { axis, value: fill, side }: Padding): TensorValue {
  return Array.isArray(value.data) ? value : resizeAxis(value, axis, length, { fill, side });
}
