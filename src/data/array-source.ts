import { basename } from 'node:path';
import { UserError } from '../errors.js';
import { floatFromHalf } from '../ir/half.js';
import { viewOf } from '../ir/tensor.js';
import { DATA_TYPES, type DataType, elementCount, type NamedValues, type TensorValue } from '../ir/types.js';
import type { Dataset, RawLabel } from './types.js';

/** An array whose first axis counts samples. */
export interface ArrayRows {
  /** File that holds it, for messages. */
  file: string;
  type: DataType;
  /** Shape, samples first. */
  dims: readonly number[];
  /** One sample, without the first axis. */
  row(index: number): TensorValue | Promise<TensorValue>;
}

/** Rows of a value in memory; they share its storage. */
export function rowsOf(file: string, value: TensorValue): ArrayRows {
  const dims = value.dims.slice(1);
  const size = elementCount(dims);
  return {
    file,
    type: value.type,
    dims: value.dims,
    row(index) {
      const data = Array.isArray(value.data)
        ? value.data.slice(index * size, (index + 1) * size)
        : value.data.subarray(index * size, (index + 1) * size);
      return { type: value.type, dims, data };
    },
  };
}

/** Raw big-endian bytes of elements as the array of `type`. */
export function viewOfBigEndian(type: DataType, bytes: Buffer): TensorValue['data'] {
  const swapped = Buffer.from(bytes);
  const { bits } = DATA_TYPES[type];
  if (bits === 16) swapped.swap16();
  if (bits === 32) swapped.swap32();
  if (bits === 64) swapped.swap64();
  return viewOf(type, swapped);
}

/** The elements of a NumPy or IDX array as numbers; int64 beyond 2^53 loses precision. */
export function numbersOf({ type, data }: TensorValue): Float64Array {
  if (type === 'float16') return Float64Array.from(data as Uint16Array, floatFromHalf);
  if (data instanceof BigInt64Array || data instanceof BigUint64Array) return Float64Array.from(data, Number);
  return new Float64Array(data as ArrayLike<number>);
}

/**
 * Labels from an array: one number or name per sample; or one row per sample that marks its classes with 1, which is
 * one class per sample where every row has a single 1.
 * @throws UserError where it is neither.
 */
export function labelsOf(file: string, labels: TensorValue): RawLabel[] {
  const [count = 0, ...rest] = labels.dims;
  const width = elementCount(rest);
  const items = Array.isArray(labels.data) ? labels.data : [...numbersOf(labels)];
  if (width === 1) return items.map((item, index) => wholeLabel(file, item, index));
  if (rest.length !== 1 || Array.isArray(labels.data)) {
    throw new UserError(`labels of shape [${labels.dims.join(', ')}] are not understood`, {
      file,
      mend: 'give one class index per sample, or one row of 0 and 1 per sample',
    });
  }
  const marked = Array.from({ length: count }, (_, sample) => {
    const row = items.slice(sample * width, (sample + 1) * width);
    const odd = row.find((item) => item !== 0 && item !== 1);
    if (odd !== undefined) throw labelError(file, odd, sample, 'rows of labels hold 0 and 1 only');
    return row.flatMap((item, index) => (item === 1 ? [index] : []));
  });
  return marked.every((classes) => classes.length === 1) ? marked.map(([only]) => only!) : marked;
}

function wholeLabel(file: string, label: string | number, sample: number): string | number {
  if (typeof label === 'string' || (Number.isSafeInteger(label) && label >= 0)) return label;
  throw labelError(file, label, sample, 'class indices are whole numbers from 0');
}

function labelError(file: string, label: string | number, sample: number, mend: string): UserError {
  return new UserError(`${label} is not a label`, { file, where: `row ${sample}`, mend });
}

/**
 * A data set over arrays by input name.
 * @throws UserError where there is no array, no sample, or the arrays and labels differ in their number of samples.
 */
export function arraysDataset(
  path: string,
  arrays: Readonly<Record<string, ArrayRows>>,
  labels?: { file: string; values: readonly RawLabel[] },
): Dataset {
  const names = Object.keys(arrays);
  const sizes = [
    ...names.map((name) => ({ name, size: arrays[name]!.dims[0] })),
    ...(labels ? [{ name: basename(labels.file), size: labels.values.length }] : []),
  ];
  const [first] = sizes;
  if (names.length === 0 || !first) throw new UserError('holds no input array', { file: path });
  const scalar = sizes.find(({ size }) => size === undefined);
  if (scalar)
    throw new UserError(`array '${scalar.name}' is a single number`, { file: path, mend: 'give one row per sample' });
  const other = sizes.find(({ size }) => size !== first.size);
  if (other) {
    throw new UserError(`'${first.name}' has ${first.size} samples, '${other.name}' has ${other.size}`, {
      file: path,
      mend: 'the first axis of every array counts the same samples',
    });
  }
  if (first.size === 0) throw new UserError('has no samples', { file: path, mend: 'give at least one' });
  return {
    path,
    kind: 'arrays',
    size: first.size!,
    classNames: namesIn(labels?.values),
    label: (index) => labels?.values[index],
    describe: (index) => `row ${index}`,
    async load(index) {
      const values = await Promise.all(names.map((name) => arrays[name]!.row(index)));
      return {
        kind: 'arrays',
        arrays: Object.fromEntries(names.map((name, at) => [name, values[at]!])) as NamedValues,
      };
    },
  };
}

function namesIn(labels: readonly RawLabel[] | undefined): string[] | undefined {
  const names = new Set(labels?.flat().filter((label) => typeof label === 'string'));
  return names.size > 0 ? [...names].sort() : undefined;
}
