import { messageOf, UserError } from '../errors.js';
import type { TensorValue } from '../ir/types.js';
import { arraysDataset, labelsOf, rowsOf } from './array-source.js';
import { readBytes } from './files.js';
import { parseNpy } from './npy.js';
import type { DatasetOptions } from './options.js';
import type { Dataset } from './types.js';

/** Names that the array of labels may have. */
const LABEL_NAMES: readonly string[] = ['labels', 'label', 'y'];

/**
 * Reads all arrays of an NPZ file (a zip of NPY files, as numpy.savez and savez_compressed write it).
 * @throws UserError where it is no zip or damaged, or an array in it cannot be read.
 */
export async function readNpz(path: string): Promise<Record<string, TensorValue>> {
  const bytes = await readBytes(path);
  const { unzipSync } = await import('fflate');
  let entries: Record<string, Uint8Array>;
  try {
    entries = unzipSync(bytes, { filter: ({ name }) => name.endsWith('.npy') });
  } catch (error) {
    throw new UserError(`is not an NPZ file or is damaged: ${messageOf(error)}`, {
      file: path,
      mend: 'save it again with numpy.savez',
    });
  }
  return Object.fromEntries(
    Object.entries(entries).map(([entry, data]) => {
      const name = entry.replace(/\.npy$/, '');
      return [name, parseNpy(path, Buffer.from(data.buffer, data.byteOffset, data.byteLength), `array '${name}'`)];
    }),
  );
}

/**
 * Opens an NPZ file whose arrays are named as the model's inputs, with the labels in `labels`, `label` or `y` (or the
 * array that `labelColumn` names).
 * @throws UserError as {@link readNpz} does, and where arrays differ in their number of samples.
 */
export async function openNpz(path: string, options: DatasetOptions = {}): Promise<Dataset> {
  const arrays = await readNpz(path);
  const { labelColumn } = options;
  if (labelColumn !== undefined && !(labelColumn in arrays)) {
    throw new UserError(`has no array '${labelColumn}'`, {
      file: path,
      mend: `it has ${Object.keys(arrays).join(', ')}`,
    });
  }
  const labelName = labelColumn ?? LABEL_NAMES.find((name) => name in arrays);
  const inputs = Object.entries(arrays).filter(([name]) => name !== labelName);
  const labels = labelName === undefined ? undefined : { file: path, values: labelsOf(path, arrays[labelName]!) };
  return arraysDataset(path, Object.fromEntries(inputs.map(([name, value]) => [name, rowsOf(path, value)])), labels);
}
