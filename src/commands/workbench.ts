import { statSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { takesRawPixels } from '../analysis/raw-pixels.js';
import type { JsonFile } from '../data/beside.js';
import { embeddedClassNames, readClassNamesIn } from '../data/labels.js';
import type { DatasetOptions } from '../data/options.js';
import { openTask, type TaskData, type TaskOptions } from '../data/task.js';
import type { Dataset } from '../data/types.js';
import { messageOf, UserError } from '../errors.js';
import type { Model } from '../ir/model.js';
import { readModel } from '../onnx/read.js';
import { tensorBytes } from '../onnx/write.js';
import type { Provider, SessionInfo, SessionOptions } from '../runtime/protocol.js';
import { resolveDevice } from '../runtime/providers.js';
import { Session } from '../runtime/session.js';
import { withLoadable } from '../runtime/source.js';
import type { CommandContext } from './context.js';
import { type PreprocessingFlags, preprocessingOf } from './preprocessing.js';

/** Options that say what data is and how it is run. */
export interface WorkbenchOptions extends PreprocessingFlags {
  device: 'cpu' | 'cuda' | 'webgpu' | 'auto';
  threads?: number | undefined;
  workers?: number | undefined;
  inputColumn?: string | undefined;
  textColumn?: string | undefined;
  pairColumn?: string | undefined;
  labelColumn?: string | undefined;
  delimiter?: string | undefined;
  split?: string | undefined;
  labels?: string | undefined;
  skipBadSamples: boolean;
  /** What stands for the preprocessor_config.json beside the model; no option of the command line. */
  preprocessorConfig?: JsonFile | undefined;
}

/** Options that name data. */
const DATA = ['data', 'train', 'validation', 'unlabelled', 'calibration'] as const;
type DataPaths = Partial<Record<(typeof DATA)[number], string | undefined>>;

/** A model that can be run, and where. */
export interface Workbench {
  path: string;
  model: Model;
  info: SessionInfo;
  provider: Provider;
  session: SessionOptions;
  /** Threads that each hold a copy of the model. */
  workers: number;
  /** True where the model scales pixels itself, or the one that it was made from. */
  rawPixels: boolean;
  /** Opens data for the model, prepared as the files beside it say, or as those beside another one. */
  open(data: string | Dataset, beside?: string): Promise<TaskData>;
}

/** Models above this many bytes are held once and run with all cores, not once per core. */
const HELD_PER_CORE = 400e6;

/**
 * Reads a model and loads it once, so that what cannot run is refused before anything else happens.
 * @throws UserError where the file is no model, cannot be run, the device is not there, or the data has no parts to choose of
 */
export async function openWorkbench(
  path: string,
  options: WorkbenchOptions & DataPaths,
  context: CommandContext,
): Promise<Workbench> {
  checkSplit(options);
  const model = readModel(path);
  const { provider, why } = await resolveDevice(options.device);
  if (options.device === 'auto') context.note(`device: ${provider} (${why})`);
  const session: SessionOptions = { provider, threads: options.threads };
  const info = await describeSession(path, session);
  return workbenchOf({ path, model, info, provider, session, rawPixels: takesRawPixels(model) }, options);
}

/** @throws UserError where a part is named of data that is one file each */
function checkSplit({ split, ...options }: WorkbenchOptions & DataPaths): void {
  if (split === undefined) return;
  const paths = DATA.flatMap((key) => options[key] ?? []);
  const isFile = (path: string) => statSync(path, { throwIfNoEntry: false })?.isFile() ?? false;
  if (!paths.length || !paths.every(isFile)) return;
  throw new UserError(`chooses a part of a folder, and ${paths[0]} is one file`, {
    file: '--split',
    mend: 'leave it out, or name the folder',
  });
}

/** A workbench for a model that is changed, beside the one it was made from. */
export async function deriveWorkbench(from: Workbench, model: Model, options: WorkbenchOptions): Promise<Workbench> {
  const info = await withLoadable([model], ([source]) => describeSession(source!, from.session, from.path));
  return workbenchOf({ ...from, model, info }, options);
}

function workbenchOf(
  given: Pick<Workbench, 'path' | 'model' | 'info' | 'provider' | 'session' | 'rawPixels'>,
  options: WorkbenchOptions,
): Workbench {
  const { path, model, info, provider } = given;
  const parallel = provider === 'cpu' && !options.threads && tensorBytes(model) < HELD_PER_CORE;
  const workers = options.workers ?? (parallel ? availableParallelism() : 1);
  return {
    ...given,
    workers,
    open: async (data, beside = path) => {
      const settings = await taskOptions(options, given);
      const task = await openTask(data, beside, info, settings).catch((error: unknown) => {
        // What no file is to blame for lies between the model and the data.
        throw error instanceof UserError && !error.place.file ? error.at({ file: path }) : error;
      });
      if (!model.sampleShapes.size) await noteShapes(model, task, info);
      return task;
    },
  };
}

/**
 * Notes the shapes of the first sample, where the model leaves sizes open: costs are then counted on those of the data.
 * Texts have as many lengths as there are samples, and what cannot be read is told by whoever needs it.
 */
async function noteShapes({ sampleShapes }: Model, data: TaskData, { inputs }: SessionInfo): Promise<void> {
  const isOpen = inputs.some(({ dims }) => dims.slice(1).some((dim) => typeof dim !== 'number' || dim < 0));
  if (!isOpen || data.dataset.kind === 'text') return;
  try {
    for await (const { feeds } of data.stream([0], 1))
      for (const [name, { dims }] of Object.entries(feeds)) sampleShapes.set(name, dims);
  } catch (error) {
    if (!(error instanceof UserError)) throw error;
  }
}

async function describeSession(
  source: Uint8Array | string,
  options: SessionOptions,
  file = String(source),
): Promise<SessionInfo> {
  try {
    const session = await Session.create(source, options);
    const { inputs, outputs } = session;
    await session.release();
    return { inputs: [...inputs], outputs: [...outputs] };
  } catch (error) {
    if (!(error instanceof UserError)) throw error;
    throw new UserError(messageOf(error), { file });
  }
}

/** How the user says that data is read. */
export function datasetOptions(options: WorkbenchOptions): DatasetOptions {
  const { inputColumn, textColumn, pairColumn, labelColumn, delimiter, split } = options;
  return { inputColumn, textColumn, pairColumn, labelColumn, delimiter, split };
}

async function taskOptions(
  options: WorkbenchOptions,
  { model, rawPixels }: Pick<Workbench, 'model' | 'rawPixels'>,
): Promise<TaskOptions> {
  const { labels, skipBadSamples } = options;
  return {
    dataset: datasetOptions(options),
    preprocessing: { ...preprocessingOf(options), config: options.preprocessorConfig, rawPixels },
    classNames: labels === undefined ? embeddedClassNames(model.metadata) : await readClassNamesIn(labels),
    skipBadSamples,
  };
}
