import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { trackUnfinished } from '../files.js';
import type { Model } from '../ir/model.js';
import { encodeModel, tensorBytes, writeModel } from '../onnx/write.js';

/** A model that is being changed, in a form that sessions can be made from. */
export interface LoadableModel {
  /** Bytes of the model, or the path of a temporary file. */
  source: Uint8Array | string;
  /** Removes the temporary file, if there is one. Sessions made from it go on. */
  dispose(): void;
}

/** Larger models go through a file with external data, which ONNX Runtime maps instead of copying. */
const IN_MEMORY = 48e6;

/** Makes a model loadable. Call `dispose` when the sessions are made. */
export async function loadable(model: Model): Promise<LoadableModel> {
  if (tensorBytes(model) < IN_MEMORY) return { source: encodeModel(model), dispose() {} };
  const folder = mkdtempSync(join(tmpdir(), 'nncompress-'));
  const tracked = trackUnfinished(folder);
  const dispose = () => {
    rmSync(folder, { recursive: true, force: true });
    tracked.done();
  };
  try {
    const path = join(folder, 'model.onnx');
    await writeModel(model, path, { inlineLimit: 0 });
    return { source: path, dispose };
  } catch (error) {
    dispose();
    throw error;
  }
}

/** Calls `use` with loadable forms of models, and cleans up after it. */
export async function withLoadable<T>(
  models: readonly Model[],
  use: (sources: (Uint8Array | string)[]) => Promise<T>,
): Promise<T> {
  const made: LoadableModel[] = [];
  try {
    for (const model of models) made.push(await loadable(model));
    return await use(made.map(({ source }) => source));
  } finally {
    for (const { dispose } of made) dispose();
  }
}
