import type { TaskData } from '../data/task.js';
import { UserError } from '../errors.js';
import { evaluateModels } from '../evaluate/evaluate-models.js';
import type { OutputKind } from '../evaluate/loss.js';
import { withLoadable } from '../runtime/source.js';
import type { Workbench } from './workbench.js';

/** Samples that show whether a model gives logits or probabilities. */
const PROBED = 64;

/** Whether a model gives logits or probabilities. @throws UserError where it gives no class scores */
export async function scoreKindOf(
  bench: Pick<Workbench, 'path' | 'model' | 'session'>,
  data: TaskData,
  indices: readonly number[],
): Promise<OutputKind> {
  const { kinds } = await withLoadable([bench.model], (sources) =>
    evaluateModels(sources, data, { indices: indices.slice(0, PROBED), workers: 1, session: bench.session }),
  );
  if (kinds[0] !== undefined) return kinds[0];
  throw new UserError(`output '${data.output}' holds no class scores`, {
    file: bench.path,
    mend: 'take a classifier: one row of scores per sample',
  });
}
