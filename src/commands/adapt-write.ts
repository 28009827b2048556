import { measureCost } from '../analysis/cost.js';
import type { TaskData } from '../data/task.js';
import { UserError } from '../errors.js';
import { floatsOf } from '../evaluate/evaluate-models.js';
import type { Model } from '../ir/model.js';
import { Tensor } from '../ir/tensor.js';
import type { NamedValues } from '../ir/types.js';
import { readExitCard } from '../passes/exits/card.js';
import { type ExitDesign, withExits } from '../passes/exits/design.js';
import { batchSize, resizeBatch } from '../runtime/pool.js';
import { Session } from '../runtime/session.js';
import { withLoadable } from '../runtime/source.js';
import type { Chosen } from './adapt-thresholds.js';
import { variedFeeds } from './verify.js';
import type { Workbench } from './workbench.js';

/**
 * The ordinary model that lets samples leave at the exits of a flat one.
 * @param data samples on which batches are checked to give what single samples give.
 * @throws UserError where they do not
 */
export async function adaptiveModel(
  { model: { flat, exits, form, costs }, measure, thresholds }: Chosen,
  bench: Workbench,
  data: TaskData,
  seed: number,
): Promise<Model> {
  const { macs } = await measureCost(bench.model);
  const design: ExitDesign = { exits, output: data.output, form, measure, thresholds, macs, costs };
  const model = await withExits(flat, design);
  const mixed = MIXED.map((threshold) => withThresholds(model, readExitCard(model)!.threshold, () => threshold));
  await checkRows(mixed, bench, data, seed);
  return model;
}

/** Samples of a batch whose rows are looked at one by one. */
const CHECKED = 12;
/** Thresholds at which some rows leave and others do not. */
const MIXED = [0.02, 0.2, 0.5];
/** What rounding may do to scores, as a share of the largest. */
const TOLERANCE = 1e-3;

/**
 * Checks that models give a sample in a batch what they give it alone, on some samples.
 * @throws UserError where one does not
 */
export async function checkRows(
  models: readonly Model[],
  bench: Pick<Workbench, 'path' | 'session'>,
  data: TaskData,
  seed: number,
): Promise<void> {
  if (data.fixedBatch !== undefined) return;
  const [, [batch] = []] = await variedFeeds(data, seed);
  const feeds = resizeBatch(batch!, Math.min(CHECKED, batchSize(batch!)));
  for (const model of models)
    await withLoadable([model], async ([source]) => {
      const session = await Session.create(source!, { ...bench.session, threads: 1 });
      try {
        await checkSameRows(session, feeds, data.output, bench.path);
      } finally {
        await session.release();
      }
    });
}

async function checkSameRows(session: Session, feeds: NamedValues, output: string, file: string): Promise<void> {
  const all = floatsOf((await session.run(feeds))[output]!);
  const rows = batchSize(feeds);
  const width = all.length / rows;
  const most = all.reduce((a, b) => Math.max(a, Math.abs(b)), 0);
  for (let row = 0; row < rows; row++) {
    const single = floatsOf((await session.run(rowOf(feeds, row)))[output]!);
    if (single.every((value, k) => Math.abs(value - all[row * width + k]!) <= TOLERANCE * most)) continue;
    throw new UserError('gives other scores for a sample in a batch than for the sample alone', {
      file,
      mend: 'export it so that samples of a batch do not influence each other',
    });
  }
}

function rowOf(feeds: NamedValues, row: number): NamedValues {
  return Object.fromEntries(
    Object.entries(feeds).map(([name, value]) => {
      const step = value.data.length / value.dims[0]!;
      return [
        name,
        { ...value, dims: [1, ...value.dims.slice(1)], data: value.data.slice(row * step, (row + 1) * step) },
      ];
    }),
  );
}

/** A copy of an adaptive model with other thresholds. */
export function withThresholds(model: Model, input: string, threshold: (exit: number) => number): Model {
  const copy = model.clone();
  const { dims, size } = copy.graph.initializers.get(input)!;
  const values = Float32Array.from({ length: size }, (_, exit) => threshold(exit));
  copy.graph.initializers.set(input, Tensor.of(input, 'float32', dims, values));
  return copy;
}
