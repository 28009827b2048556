import { UserError } from '../errors.js';
import { encodeNumbers } from '../ir/tensor.js';
import type { DataType, NamedValues, TensorValue } from '../ir/types.js';
import { numbersOf } from './array-source.js';
import { stack } from './stack.js';
import type { InputSpec, Preprocessor } from './types.js';

/** Types that a model's input type can be made from without losing what matters: widening, and to float32. */
const CASTS: Partial<Record<DataType, readonly DataType[]>> = {
  float32: ['float64', 'float16', 'uint8', 'int8', 'uint16', 'int16', 'int32', 'int64', 'bool'],
  float64: ['float32', 'float16', 'uint8', 'int8', 'uint16', 'int16', 'int32', 'uint32', 'int64', 'bool'],
  float16: ['float32', 'float64', 'uint8', 'int8', 'bool'],
  int64: ['uint8', 'int8', 'uint16', 'int16', 'int32', 'uint32', 'bool'],
  int32: ['uint8', 'int8', 'uint16', 'int16', 'int64', 'bool'],
  int16: ['uint8', 'int8', 'bool'],
  uint16: ['uint8', 'bool'],
  uint8: ['bool'],
};

/** Limits of the casts that narrow. */
const RANGES: Partial<Record<DataType, readonly [low: number, high: number]>> = {
  int32: [-(2 ** 31), 2 ** 31 - 1],
  float16: [-65504, 65504],
};

/**
 * Hands arrays to the model inputs of the same name; a single array to a single input, whatever its name.
 * @throws UserError in `prepare` where an array is missing, superfluous, or of a type or shape that the input does not take
 */
export function arraysPreprocessor(inputs: readonly InputSpec[]): Preprocessor {
  return {
    description: `arrays as ${inputs.map((input) => `${input.name} ${showType(input)}`).join(', ')}`,
    prepare(sample) {
      if (sample.kind !== 'arrays') throw new UserError(`holds ${sample.kind}, not arrays`);
      const arrays = matchNames(inputs, sample.arrays);
      return Object.fromEntries(inputs.map((input) => [input.name, fit(input, arrays[input.name]!)]));
    },
    collate: stack,
  };
}

function matchNames(inputs: readonly InputSpec[], arrays: NamedValues): NamedValues {
  const names = Object.keys(arrays);
  const [only] = inputs;
  if (inputs.length === 1 && only && names.length === 1) return { [only.name]: arrays[names[0]!]! };
  const wanted = inputs.map((input) => input.name);
  const missing = wanted.filter((name) => !(name in arrays));
  const extra = names.filter((name) => !wanted.includes(name));
  if (missing.length === 0 && extra.length === 0) return arrays;
  const faults = [
    missing.length > 0 ? `there is no array for input ${quoted(missing)}` : '',
    extra.length > 0 ? `no input is named ${quoted(extra)}` : '',
  ];
  throw new UserError(faults.filter(Boolean).join(' and '), {
    mend: `name the arrays as the model's inputs: ${quoted(wanted)}; labels as 'labels'`,
  });
}

function quoted(names: readonly string[]): string {
  return names.map((name) => `'${name}'`).join(', ');
}

function showType({ type, dims }: InputSpec): string {
  return `${type}[${dims.map((dim) => dim ?? '?').join(', ')}]`;
}

function fit(input: InputSpec, value: TensorValue): TensorValue {
  const wanted = input.dims.slice(1);
  const fits =
    input.dims.length === value.dims.length + 1 &&
    wanted.every((dim, axis) => typeof dim !== 'number' || dim === value.dims[axis]);
  if (!fits) {
    const shape = `[${value.dims.join(', ')}]`;
    throw new UserError(
      `array for input '${input.name}' has shape ${shape} per sample, the model takes ${showType(input)}`,
      {
        mend: 'the first axis of the array counts samples, the others are as the model has them',
      },
    );
  }
  return value.type === input.type ? value : cast(input, value);
}

function cast(input: InputSpec, value: TensorValue): TensorValue {
  if (!CASTS[input.type]?.includes(value.type) || Array.isArray(value.data)) {
    throw new UserError(`array for input '${input.name}' is ${value.type}, the model takes ${input.type}`, {
      mend: `save it as ${input.type}`,
    });
  }
  const numbers = numbersOf(value);
  const [low, high] = RANGES[input.type] ?? [Number.NEGATIVE_INFINITY, Number.POSITIVE_INFINITY];
  const outside = numbers.find((number) => number < low || number > high);
  if (outside !== undefined) {
    throw new UserError(`array for input '${input.name}' holds ${outside}, which is no ${input.type}`, {
      mend: `save values from ${low} to ${high}`,
    });
  }
  return { type: input.type, dims: value.dims, data: encodeNumbers(input.type, numbers) };
}
