import { readdirSync, statSync } from 'node:fs';
import { basename, dirname, extname, join, resolve } from 'node:path';
import { messageOf, UserError } from '../errors.js';
import { isManifest, MANIFEST } from '../onnx/parts.js';

/** Where the Hugging Face hub keeps the model of a repository, then where exporters leave it. */
const USUAL_PLACES = [join('onnx', 'model.onnx'), 'model.onnx'];

/**
 * The model file that an argument means: a file is itself; of a folder, the manifest of a split model, `onnx/model.onnx`, else `model.onnx`, else the
 * only `.onnx` file in it or in its `onnx` folder. What does not exist is passed on for its reader to refuse.
 * @throws UserError where a folder holds no model, or several of which none has a usual name
 */
export function resolveModelPath(path: string): string {
  if (!entryOf(path)?.isDirectory()) return path;
  const manifest = join(path, MANIFEST);
  if (isManifest(manifest)) return manifest;
  const usual = USUAL_PLACES.map((name) => join(path, name)).find((file) => entryOf(file)?.isFile());
  if (usual !== undefined) return usual;
  const [only, ...others] = [...modelNames(path), ...modelNames(path, 'onnx')];
  if (only === undefined)
    throw new UserError('the folder holds no .onnx file', { file: path, mend: 'name a model, or a folder with one' });
  if (others.length)
    throw new UserError(`the folder holds several models: ${[only, ...others].join(', ')}`, {
      file: path,
      mend: 'name the one that is meant',
    });
  return join(path, only);
}

/** True where a model lies in a folder `onnx`, as on the Hugging Face hub. */
export function isHubLayout(modelPath: string): boolean {
  return basename(dirname(resolve(modelPath))) === 'onnx';
}

/** The name of a result in the folder of its original: `model.onnx` with the mark `.tuned` gives `model.tuned.onnx`. */
export function marked(modelPath: string, mark: string): string {
  const ending = extname(modelPath);
  return `${ending ? modelPath.slice(0, -ending.length) : modelPath}${mark}.onnx`;
}

const entryOf = (path: string) => statSync(path, { throwIfNoEntry: false });

/** Names of the models in a folder, or in a folder inside it, relative to the first. */
function modelNames(folder: string, inner = ''): string[] {
  const place = join(folder, inner);
  if (!entryOf(place)?.isDirectory()) return [];
  try {
    const names = readdirSync(place).filter((name) => /\.onnx$/i.test(name) && entryOf(join(place, name))?.isFile());
    return names.sort().map((name) => join(inner, name));
  } catch (error) {
    throw new UserError(`the folder cannot be read: ${messageOf(error)}`, { file: place });
  }
}
