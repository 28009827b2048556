import { UserError } from '../errors.js';
import { findBeside, type JsonFile, readJson, readJsonBeside } from './beside.js';
import { readText } from './files.js';
import type { Dataset } from './types.js';

/** The labels of a data set as class indices of a model. */
export interface ResolvedLabels {
  /** Name of each class, by index. */
  classes: string[];
  /** The class of each sample, several for multi-label data, undefined where it has no label. */
  targets: (number | number[] | undefined)[];
  /** True where at least one sample has a label. */
  labelled: boolean;
}

const isIndex = (label: string | number) => typeof label === 'number' || /^\d+$/.test(label);

/** Names compared without case, spaces, underscores and hyphens. */
const plainName = (name: string) => name.toLowerCase().replace(/[\s_-]+/g, '');

/**
 * Maps a data set's labels to a model's classes. Names are looked up among the model's names (exactly, else without
 * case, spaces, underscores and hyphens); whole numbers are class indices, unless the model names its classes so; where
 * the model's names are unknown (absent, or `LABEL_0`, `LABEL_1` …) the data's names are taken in their order (which is
 * sorted, unless the data tells one), if there are as many as the model has classes.
 * @param outputSize number of classes the model gives; 1 stands for the two classes of a binary model
 * @throws UserError naming the first label that is no class of the model, and some that are
 */
export function resolveLabels(dataset: Dataset, modelClasses?: readonly string[], outputSize?: number): ResolvedLabels {
  const labels = Array.from({ length: dataset.size }, (_, index) => dataset.label(index));
  const firstAt = new Map<string | number, number>();
  for (const [index, label] of labels.entries()) {
    for (const item of label === undefined ? [] : [label].flat()) if (!firstAt.has(item)) firstAt.set(item, index);
  }
  const count = outputSize === 1 ? 2 : outputSize;
  const names = modelClasses?.every((name) => /^LABEL_\d+$/.test(name)) ? undefined : modelClasses;
  if (names && outputSize !== undefined && names.length !== outputSize && names.length !== count) {
    const what = `the model gives ${outputSize} values, ${names.length} classes are named (${someOf(names)})`;
    throw new UserError(what, { mend: 'name every class, in the order of the outputs' });
  }
  const { classes, indexOf } = lookup(dataset, [...firstAt.keys()], names, count ?? modelClasses?.length);
  const resolved = new Map<string | number, number>();
  for (const [label, sample] of firstAt) {
    const index = indexOf(label);
    if (index === undefined) throw unknownLabel(dataset, label, sample, classes);
    resolved.set(label, index);
  }
  const targets = labels.map((label) => {
    if (label === undefined) return undefined;
    return typeof label === 'object' ? label.map((item) => resolved.get(item)!) : resolved.get(label)!;
  });
  return { classes, targets, labelled: targets.some((target) => target !== undefined) };
}

/** The names of the classes, and the index that a label stands for. */
interface Lookup {
  classes: string[];
  indexOf(label: string | number): number | undefined;
}

function lookup(
  dataset: Dataset,
  labels: readonly (string | number)[],
  names: readonly string[] | undefined,
  count: number | undefined,
): Lookup {
  const byName = names && nameLookup(names);
  const named = (label: string | number) => (typeof label === 'string' ? byName?.(label) : undefined);
  const size = count ?? names?.length ?? 1 + Math.max(-1, ...labels.map(Number));
  const inRange = (label: string | number) => {
    const index = Number(label);
    return Number.isInteger(index) && index >= 0 && index < size ? index : undefined;
  };
  if (names && labels.length > 0 && labels.every((label) => named(label) !== undefined)) {
    return { classes: [...names], indexOf: named };
  }
  const surelyIndices = names !== undefined || labels.some((label) => typeof label === 'number');
  if (labels.every(isIndex) && (surelyIndices || labels.every((label) => inRange(label) !== undefined))) {
    return { classes: Array.from({ length: size }, (_, index) => names?.[index] ?? String(index)), indexOf: inRange };
  }
  if (names)
    return { classes: [...names], indexOf: (label) => (typeof label === 'number' ? inRange(label) : named(label)) };
  return sortedLookup(dataset, labels, count);
}

/** The data's own class names in their order, for a model whose classes have no names. */
function sortedLookup(dataset: Dataset, labels: readonly (string | number)[], count: number | undefined): Lookup {
  const classes = [...(dataset.classNames ?? [...new Set(labels.map(String))].sort())];
  if (count !== undefined && classes.length !== count) {
    throw new UserError(
      `has ${classes.length} classes (${someOf(classes)}), the model ${count}, whose names are unknown`,
      {
        file: dataset.path,
        mend: 'put the names in the order of the outputs into labels.txt beside the model',
      },
    );
  }
  const indices = new Map(classes.map((name, index) => [name, index]));
  return { classes, indexOf: (label) => indices.get(String(label)) };
}

/** Finds the index of a name: exactly, else without case, spaces, underscores and hyphens. */
export function nameLookup(names: readonly string[]): (label: string) => number | undefined {
  const exact = new Map(names.map((name, index) => [name, index]));
  const plain = new Map<string, number | undefined>();
  for (const [index, name] of names.entries())
    plain.set(plainName(name), plain.has(plainName(name)) ? undefined : index);
  return (label) => exact.get(label) ?? plain.get(plainName(label));
}

function someOf(names: readonly string[]): string {
  return names.length > 5 ? `${names.slice(0, 5).join(', ')} …` : names.join(', ');
}

function unknownLabel(dataset: Dataset, label: string | number, sample: number, classes: readonly string[]): UserError {
  const shown = typeof label === 'string' ? `'${label}'` : label;
  return new UserError(`label ${shown} is none of the model's ${classes.length} classes`, {
    file: dataset.path,
    where: dataset.describe(sample),
    mend: `they are ${someOf(classes)}; numbers count from 0`,
  });
}

/** Metadata of a model whose last layer was replaced: its class names in the order of the outputs, as JSON. */
const CLASSES_KEY = 'nncompress.classes';

/** The class names that a model carries in its metadata, if it does. They count before files beside the model. */
export function embeddedClassNames(metadata: ReadonlyMap<string, string>): string[] | undefined {
  const text = metadata.get(CLASSES_KEY);
  if (text === undefined) return undefined;
  try {
    const names: unknown = JSON.parse(text);
    return Array.isArray(names) && names.every((name) => typeof name === 'string') ? names : undefined;
  } catch {
    return undefined;
  }
}

/** Puts class names into a model's metadata. */
export function embedClassNames(metadata: Map<string, string>, names: readonly string[]): void {
  metadata.set(CLASSES_KEY, JSON.stringify(names));
}

/**
 * The class names that lie beside a model: `id2label` or `label2id` in config.json, else one name per line in
 * labels.txt; beside the model or, where that lies in a folder `onnx`, above it. Undefined where there are none.
 * @throws UserError where a file is malformed or its indices have gaps
 */
export async function readClassNames(modelFolder: string): Promise<string[] | undefined> {
  const config = await readJsonBeside(modelFolder, 'config.json');
  const names = config && namesInConfig(config);
  if (names) return names;
  const list = await findBeside(modelFolder, 'labels.txt');
  return list === undefined ? undefined : namesInList(list, await readText(list));
}

/**
 * The class names in a file: `id2label` or `label2id` of a JSON file, else one name per line.
 * @throws UserError where the file is missing or malformed, holds no names, or its indices have gaps
 */
export async function readClassNamesIn(file: string): Promise<string[]> {
  if (!/\.json$/i.test(file)) return namesInList(file, await readText(file));
  const { value } = await readJson(file);
  const names = namesInConfig({ path: file, value });
  if (names) return names;
  throw new UserError('names no classes', {
    file,
    mend: 'give id2label, as in {"id2label": {"0": "cat", "1": "dog"}}',
  });
}

function namesInConfig({ path, value: { id2label, label2id } }: JsonFile): string[] | undefined {
  if (isObject(id2label)) return inOrder(path, 'id2label', Object.entries(id2label));
  if (!isObject(label2id)) return undefined;
  const pairs = Object.entries(label2id).map(([name, index]): [string, string] => [String(index), name]);
  return inOrder(path, 'label2id', pairs);
}

/** Class names in a file of the user's: one per line. @throws UserError where a line is empty or the file is missing */
export async function readLabelList(path: string): Promise<string[]> {
  return namesInList(path, await readText(path));
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null;
}

function inOrder(file: string, where: string, pairs: [index: string, name: unknown][]): string[] {
  const names = new Map(pairs.map(([index, name]) => [Number(index), name]));
  return pairs.map((_, index) => {
    const name = names.get(index);
    if (typeof name === 'string' || typeof name === 'number') return String(name);
    throw new UserError(`has no name for class ${index}`, {
      file,
      where,
      mend: 'number the classes from 0 without gaps',
    });
  });
}

function namesInList(file: string, text: string): string[] {
  const names = text
    .trimEnd()
    .split(/\r?\n/)
    .map((name) => name.trim());
  const gap = names.indexOf('');
  if (gap < 0) return names;
  throw new UserError('is empty', { file, where: `line ${gap + 1}`, mend: 'give the name of one class per line' });
}
