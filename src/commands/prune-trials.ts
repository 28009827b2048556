import type { TaskData } from '../data/task.js';
import type { ClassificationAccumulator } from '../evaluate/classification.js';
import { comparePredictions } from '../evaluate/compare.js';
import { dropOf } from '../evaluate/paired.js';
import type { Model } from '../ir/model.js';
import { withLoadable } from '../runtime/source.js';
import type { CommandContext } from './context.js';
import { type GatingOptions, keepsDrop } from './gating.js';
import { runModels } from './run-models.js';
import type { Workbench } from './workbench.js';

/** What the test data says of a model. */
export interface TrialScore {
  accuracy: number;
  /** Of the accuracy, against the original. */
  drop: number;
  /** Whether the gate on the drop is kept. */
  passes: boolean;
}

/** Compares models on the way with the original, which is run once. */
export class Trials {
  private original: ClassificationAccumulator | undefined;

  constructor(
    private readonly bench: Workbench,
    private readonly test: TaskData,
    private readonly options: Pick<GatingOptions, 'maxDrop' | 'confidence' | 'limit'>,
    private readonly context: CommandContext,
  ) {}

  /** Scores of models, in their order; none where the data has no labels. */
  async score(models: readonly Model[]): Promise<TrialScore[]> {
    if (!this.test.labels.labelled) return [];
    const first = this.original ? [] : [this.bench.path];
    const { classifications = [] } = await withLoadable(models, (sources) =>
      runModels(this.bench, this.test, [...first, ...sources], this.options, this.context),
    );
    this.original ??= classifications[0];
    return classifications.slice(first.length).map((found) => this.scoreOf(found));
  }

  private scoreOf(found: ClassificationAccumulator): TrialScore {
    const { pairs } = comparePredictions(this.original!.predictions, found.predictions).labelled!;
    return { accuracy: found.result().accuracy, drop: dropOf(pairs), passes: keepsDrop(pairs, this.options) };
  }
}
