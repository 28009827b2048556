import { observeShapes } from '../analysis/observed-shapes.js';
import type { TaskData } from '../data/task.js';
import { textLengths } from '../data/text-lengths.js';
import type { Batch } from '../data/types.js';
import { UserError } from '../errors.js';
import type { Model } from '../ir/model.js';
import type { NamedValues } from '../ir/types.js';
import { didYouMean } from '../nearest.js';
import { batchSize, resizeBatch } from '../runtime/pool.js';
import type { SessionOptions } from '../runtime/protocol.js';
import { Session } from '../runtime/session.js';
import { withLoadable } from '../runtime/source.js';
import { pairsOf, type SearchedModel } from '../training/hint-pairs.js';
import { HINTS, type Hint, type HintKind, type InnerValue, rowShape } from '../training/hints.js';
import type { Match } from './match-option.js';

/** A student or teacher, and the data as it takes it. */
export interface Side {
  path: string;
  /** The model in normal form, its weights constants. */
  model: Model;
  data: TaskData;
  session: SessionOptions;
}

/** @throws UserError where a model has no value of a name */
export function checkNames({ graph }: Model, path: string, names: readonly string[]): void {
  const values = [...graph.index().producer.keys()];
  const missing = names.find((name) => !values.includes(name));
  if (missing === undefined) return;
  throw new UserError(`has no inner value '${missing}'${didYouMean(missing, values)}`, {
    file: path,
    mend: 'name the output of a node of its main graph',
  });
}

/** Samples in a run that measures values: few, and a number that sizes seldom have. */
const MEASURED = 3;

/** Two batches of other samples, and of texts the shortest and the longest: what differs between them varies. */
export async function contrastingBatches(
  { data }: Pick<Side, 'data'>,
  indices: readonly number[],
): Promise<[Batch, Batch]> {
  const lengthOf = await textLengths(data.dataset, indices);
  const sorted = lengthOf ? [...indices].sort((a, b) => lengthOf(a) - lengthOf(b)) : indices;
  return [await batchOf(data, sorted.slice(0, MEASURED)), await batchOf(data, sorted.slice(-MEASURED))];
}

/** The first batch of some samples. */
export async function batchOf(data: TaskData, indices: readonly number[]): Promise<Batch> {
  for await (const batch of data.stream(indices)) return batch;
  throw new UserError('holds no sample that can be read', { file: data.dataset.path, mend: 'repair the data' });
}

const runOnce = (side: Side, batch: Batch): Promise<NamedValues> =>
  withLoadable([side.model], ([source]) => Session.runOnce(source!, filled(side, batch), side.session));

/** The inputs of a batch, with as many rows as a model insists on. */
function filled({ data: { fixedBatch } }: Side, { feeds }: Batch): NamedValues {
  return fixedBatch !== undefined && fixedBatch > batchSize(feeds) ? resizeBatch(feeds, fixedBatch) : feeds;
}

/**
 * Finds what of a student and its teacher is compared: the values that were named, and those that belong together.
 * @throws UserError where there are none, or where two cannot be compared
 */
export async function findHints(
  student: Side,
  teacher: Side,
  matches: readonly Match[],
  batches: readonly (readonly [Batch, Batch])[],
): Promise<Hint[]> {
  const searched = await Promise.all(
    [student, teacher].map(
      async (side, k): Promise<SearchedModel> => ({
        path: side.path,
        model: side.model,
        facts: await observeShapes(side.model, filled(side, batches[k]![0]), side.session),
        output: side.data.output,
      }),
    ),
  );
  const pairs = matches.flatMap(({ kind, weight = HINTS[kind].weight, student: own, teacher: taught }) =>
    (own !== undefined && taught !== undefined
      ? [[own, taught] as const]
      : pairsOf(kind, searched[0]!, searched[1]!)
    ).map(([a, b]) => ({ kind, weight, names: [a, b] as const })),
  );
  const [ours, theirs] = await Promise.all(
    [student, teacher].map((side, k) =>
      measure(
        side,
        pairs.map(({ kind, names }) => ({ kind, name: names[k]! })),
        batches[k]!,
      ),
    ),
  );
  return pairs.map(({ kind, weight, names }, k) => {
    const hint = { kind, weight, student: ours![k]!, teacher: theirs![k]! };
    const [own, taught] = [hint.student, hint.teacher].map((value) => rowShape(value)!) as [number[], number[]];
    const why = HINTS[kind].refuses(own, taught) ?? otherTokens(kind, own, taught, student.data);
    if (why === undefined) return hint;
    throw new UserError(`'${names[0]}' and '${names[1]}' cannot be matched as ${kind}: ${why}`, {
      file: '--match',
      mend: 'name other values, or match relations, which compare any embeddings',
    });
  });
}

/** Values with one entry per token must be of the same tokens; those of texts are compared token by token elsewhere. */
function otherTokens(
  kind: HintKind,
  student: readonly number[],
  teacher: readonly number[],
  { dataset }: TaskData,
): string | undefined {
  if (dataset.kind === 'text') return undefined;
  const odd = HINTS[kind].tokenAxes.find((axis) => student[axis] !== teacher[axis]);
  return odd === undefined ? undefined : `one is of ${student[odd]} tokens, the other of ${teacher[odd]}`;
}

/** The shapes of values in two batches, which may differ in the number of tokens alone. */
async function measure(
  side: Side,
  wanted: readonly { kind: HintKind; name: string }[],
  batches: readonly [Batch, Batch],
): Promise<InnerValue[]> {
  const model = side.model.clone();
  model.graph.outputs = [...new Set(wanted.map(({ name }) => name))].map((name) => ({ name }));
  const [first, second] = await Promise.all(batches.map((batch) => runOnce({ ...side, model }, batch)));
  return wanted.map(({ kind, name }) => {
    const [value, other] = [first!, second!].map((values, k): InnerValue => {
      const rows = side.data.fixedBatch ?? batches[k]!.indices.length;
      return { name, rows, dims: values[name]!.dims };
    }) as [InnerValue, InnerValue];
    const { type } = first![name]!;
    if (!type.startsWith('float'))
      throw new UserError(`'${name}' holds ${type}, no real numbers`, { file: side.path, mend: 'name another value' });
    const [shape, otherShape] = [rowShape(value), rowShape(other)];
    if (!shape || !otherShape)
      throw new UserError(`'${name}' is [${value.dims.join(', ')}] for ${value.rows} samples: it has no row for each`, {
        file: side.path,
        mend: 'name another value',
      });
    const varies = shape.some(
      (size, axis) => axis && size !== otherShape[axis] && !HINTS[kind].tokenAxes.includes(axis),
    );
    if (varies)
      throw new UserError(
        `'${name}' has another size for each length of a sample, which ${kind} cannot be matched by`,
        {
          file: side.path,
          mend: 'match relations, or hidden-states and attentions of transformers',
        },
      );
    return value;
  });
}
