import { parseAugmentations } from '../data/augment/parse.js';
import { Collector } from '../data/collector.js';
import type { TaskData } from '../data/task.js';
import { CACHE_BYTES } from '../data/training-batches.js';
import { type TrainingReaderOptions, viewReader } from '../data/training-reader.js';
import type { Batch } from '../data/types.js';
import { UserError } from '../errors.js';
import { floatsOf } from '../evaluate/evaluate-models.js';
import { type OutputKind, outputKindOf } from '../evaluate/loss.js';
import { runAlong, sharedInputs, takenFrom } from '../evaluate/run-along.js';
import { logitsFrom } from '../evaluate/soft-targets.js';
import { joined } from '../group.js';
import type { NamedValues } from '../ir/types.js';
import { rowsOf } from '../runtime/pool.js';
import type { CommandContext } from './context.js';
import type { DistillOptions } from './distill-options.js';
import { inOrder, orderOf, type Teacher } from './distill-teachers.js';
import { batchOf } from './hint-search.js';

/** How the samples of an epoch are changed. */
export type Changes = Pick<TrainingReaderOptions, 'augmentations' | 'seed' | 'epoch'>;

/** A batch, and what each teacher says of its samples as they are changed: logits in the order of the student's classes. */
export type SeenBatch<B extends Batch> = B & { said: Float32Array[] };

/** Teachers that run along with training, on samples as they are changed for the student. */
export interface TeacherViews {
  along<B extends Batch>(batches: AsyncIterable<B>, changes: Changes): AsyncIterable<SeenBatch<B>>;
}

/** A teacher, and how it takes samples. */
interface Viewer {
  teacher: Teacher;
  data: TaskData;
  order: readonly number[] | undefined;
  /** Which input of the student each of its own is, where both take the same. */
  inputs: ReadonlyMap<string, string> | undefined;
}

/**
 * Teachers that see what the student sees (consistent teaching; Beyer et al. 2022).
 * @returns undefined where that is not asked for
 * @throws UserError where nothing is changed, or inputs are that a teacher does not take
 */
export async function openViews(
  teachers: readonly Teacher[],
  samples: TaskData,
  { teacherViews, augment }: DistillOptions,
  { note }: CommandContext,
): Promise<TeacherViews | undefined> {
  if (!teacherViews) return undefined;
  const { list: changes } = parseAugmentations(augment, samples);
  if (!changes.length)
    throw new UserError('samples are not changed, so that there are no views of them', {
      file: '--teacher-views',
      mend: 'name changes with --augment, or leave it out',
    });
  const viewers = await Promise.all(teachers.map((teacher) => viewerOf(teacher, samples)));
  const stranger = viewers.find(({ inputs }) => !inputs);
  if (stranger && changes.some(({ on }) => on === 'inputs'))
    throw new UserError('some of the changes are of the inputs that the student takes, and the teacher takes others', {
      file: '--teacher-views',
      where: stranger.teacher.bench.path,
      mend: 'name changes of samples alone with --augment, or leave it out',
    });
  note('the teacher runs along with training, on samples as they are changed');
  return {
    along: <B extends Batch>(batches: AsyncIterable<B>, how: Changes) =>
      viewers.reduce<AsyncIterable<SeenBatch<B>>>((seen, viewer) => view(viewer, samples, seen, how), unseen(batches)),
  };
}

async function viewerOf(teacher: Teacher, samples: TaskData): Promise<Viewer> {
  const data = await teacher.open(samples.dataset);
  const indices = [...Array(Math.min(COMPARED, samples.dataset.size)).keys()];
  const [own, other] = await Promise.all([samples, data].map(async (one) => (await batchOf(one, indices)).feeds));
  return { teacher, data, order: orderOf(samples, data, teacher), inputs: sharedInputs(own!, other!) };
}

/** Samples that tell whether two models take the same inputs. */
const COMPARED = 8;

async function* unseen<B extends Batch>(batches: AsyncIterable<B>): AsyncGenerator<SeenBatch<B>> {
  for await (const batch of batches) yield { ...batch, said: [] };
}

/** Adds what one teacher says. */
async function* view<B extends Batch>(
  { teacher, data, order, inputs }: Viewer,
  samples: TaskData,
  batches: AsyncIterable<SeenBatch<B>>,
  changes: Changes,
): AsyncGenerator<SeenBatch<B>> {
  const { path, workers, session } = teacher.bench;
  const reader = viewReader(samples, data, { ...changes, cacheBytes: CACHE_BYTES });
  const collector = new Collector(data.dataset, data.preprocessor, reader, {});
  const feedsOf = async ({ indices, feeds }: Batch, begin: number, end: number) =>
    inputs ? rowsOf(takenFrom(inputs, feeds), begin, end) : (await collector.collect(indices.slice(begin, end))).feeds;
  const read = logitsReader(data, path);
  const companion = { source: path, fixedBatch: data.fixedBatch, workers, session, feedsOf };
  try {
    for await (const { batch, parts } of runAlong(companion, batches, read)) {
      yield { ...batch, said: [...batch.said, inOrder(joined(parts), data, order)] };
    }
  } finally {
    collector.stop();
  }
}

/** Reads logits off the outputs of a teacher. */
function logitsReader({ output, kind, labels }: TaskData, path: string): (outputs: NamedValues) => Float32Array {
  let given: OutputKind | undefined;
  return (outputs) => {
    const scores = floatsOf(outputs[output]!);
    given ??= outputKindOf(scores, kind === 'binary' ? 1 : labels.classes.length, kind);
    const logits = logitsFrom(scores, given, kind);
    if (logits.every(Number.isFinite)) return logits;
    throw new UserError('gives scores that are no numbers for changed samples', {
      file: path,
      mend: 'change samples less, or take another teacher',
    });
  };
}
