import { dirname } from 'node:path';
import { FILES_BESIDE, findBeside } from '../data/beside.js';
import type { TaskData } from '../data/task.js';
import { UserError } from '../errors.js';
import type { Lane } from '../evaluate/evaluate-models.js';
import type { SessionInfo } from '../runtime/protocol.js';
import type { Workbench } from './workbench.js';

/** Two models over the same data. */
export interface ModelPair {
  benches: readonly [Workbench, Workbench];
  /** The data as each of the two takes it; one and the same where they take the same inputs. */
  data: readonly [TaskData, TaskData];
  lanes: Lane[];
  /** Samples in a run that the models insist on; undefined where both leave it open. */
  fixedBatch: number | undefined;
}

/**
 * Opens data for two models. The second is prepared for as the files beside it say; where there are none, as those beside
 * the first say.
 * @throws UserError where the two do not have the same task
 */
export async function openPair(benches: readonly [Workbench, Workbench], path: string): Promise<ModelPair> {
  const [first, second] = benches;
  const data = await first.open(path);
  const beside = await besideWhich(second.path, first.path);
  const hasOwn = beside === second.path;
  const other = await second.open(path, beside);
  checkSameTask(data, other, second.path);
  const shared = !hasOwn && data.output === other.output && sameInputs(first.info, second.info);
  const lanes = shared
    ? [{ models: [first.path, second.path], data }]
    : [
        { models: [first.path], data },
        { models: [second.path], data: other },
      ];
  return { benches, data: [data, shared ? data : other], lanes, fixedBatch: data.fixedBatch ?? other.fixedBatch };
}

/** The model whose folder says how samples are prepared for `path`: its own, or that of another model where it says nothing. */
export async function besideWhich(path: string, other: string): Promise<string> {
  return dirname(path) !== dirname(other) && (await hasFiles(dirname(path))) ? path : other;
}

/** True where a folder says how samples are prepared or what classes are called. */
const hasFiles = (folder: string): Promise<boolean> => hasOneOf(folder, FILES_BESIDE);

/** True where a folder says how samples are prepared: names of classes alone do not. */
export const saysPreprocessing = (folder: string): Promise<boolean> =>
  hasOneOf(
    folder,
    FILES_BESIDE.filter((name) => name !== 'labels.txt'),
  );

async function hasOneOf(folder: string, names: readonly string[]): Promise<boolean> {
  for (const name of names) if (await findBeside(folder, name)) return true;
  return false;
}

function sameInputs(a: SessionInfo, b: SessionInfo): boolean {
  const text = ({ inputs }: SessionInfo) =>
    JSON.stringify(
      inputs.map(({ name, type, dims }) => [name, type, dims.map((dim) => (typeof dim === 'number' ? dim : '?'))]),
    );
  return text(a) === text(b);
}

function checkSameTask(first: TaskData, second: TaskData, path: string): void {
  const describe = ({ kind, labels }: TaskData) => `${kind} with ${labels.classes.length} classes`;
  const place = { file: path, mend: 'compare models of the same task' };
  if (describe(first) !== describe(second))
    throw new UserError(`its task is ${describe(second)}, that of the first model ${describe(first)}`, place);
  const odd = first.labels.classes.findIndex((name, index) => name !== second.labels.classes[index]);
  if (odd < 0) return;
  const [ours, theirs] = [first, second].map(({ labels }) => labels.classes[odd]);
  throw new UserError(`its class ${odd} is '${theirs}', that of the first model '${ours}'`, {
    ...place,
    mend: 'name the classes of both in the same order, or pass --labels',
  });
}
