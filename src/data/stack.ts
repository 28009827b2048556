import { UserError } from '../errors.js';
import type { NamedValues, TensorValue, TypedArray } from '../ir/types.js';

/**
 * Stacks the inputs of samples along a new first axis.
 * @throws UserError where samples differ in shape
 */
export function stack(samples: readonly NamedValues[]): NamedValues {
  const [first = {}] = samples;
  return Object.fromEntries(Object.keys(first).map((name) => [name, stackValues(name, samples)]));
}

function stackValues(name: string, samples: readonly NamedValues[]): TensorValue {
  const { type, dims, data } = samples[0]![name]!;
  const values = samples.map((sample) => sample[name]!);
  const odd = values.find((value) => String(value.dims) !== String(dims));
  if (odd) {
    throw new UserError(
      `samples of input '${name}' differ in shape: [${dims.join(', ')}] and [${odd.dims.join(', ')}]`,
      {
        mend: 'bring them to one size, or use batches of one',
      },
    );
  }
  const stacked = { type, dims: [samples.length, ...dims] };
  if (Array.isArray(data)) return { ...stacked, data: values.flatMap((value) => value.data as string[]) };
  const Whole = data.constructor as Float32ArrayConstructor;
  const whole = new Whole(samples.length * data.length);
  for (const [at, value] of values.entries()) whole.set(value.data as unknown as Float32Array, at * data.length);
  return { ...stacked, data: whole as TypedArray };
}
