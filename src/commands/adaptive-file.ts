import type { TaskData } from '../data/task.js';
import { UserError } from '../errors.js';
import type { ClassificationAccumulator } from '../evaluate/classification.js';
import { sumOf } from '../group.js';
import type { Model } from '../ir/model.js';
import type { NamedValues } from '../ir/types.js';
import { type ExitCard, readExitCard } from '../passes/exits/card.js';
import { withExits } from '../passes/exits/design.js';
import { flatten } from '../passes/exits/flatten.js';
import type { Report } from '../report/schema.js';
import { adaptiveReport, classShares } from './adapt-report.js';
import { recordTest } from './adapt-thresholds.js';
import type { CommandContext } from './context.js';
import type { Workbench } from './workbench.js';

/** A model as it is changed, and as it is written then. */
export interface ModelForm {
  /** The model itself or, where its cost depends on the input, one that computes all its exits for all samples. */
  model: Model;
  /** True for the latter. */
  isFlat: boolean;
  /** What is written of the changed model: samples leave at the same exits, by the same thresholds. */
  finish(changed: Model): Promise<Model>;
}

/** The form in which all of a model can be changed. */
export async function formOf(model: Model): Promise<ModelForm> {
  const found = await flatten(model);
  if (!found) return { model, isFlat: false, finish: async (changed) => changed };
  const { flat, design } = found;
  return { model: flat, isFlat: true, finish: (changed) => withExits(changed, design) };
}

/** @throws UserError where a model has exits, behind which a command would change nothing */
export function checkHasNoExits({ model, path }: Pick<Workbench, 'model' | 'path'>, command: string): void {
  if (readExitCard(model))
    throw new UserError(`samples leave it early, and ${command} changes nothing behind its exits`, {
      file: path,
      mend: 'take the model that exits were added to, and add them to the result',
    });
}

/**
 * What is known of the exits of a file on data: where it let samples leave and, where it can be taken apart, what each exit is
 * worth alone and what other thresholds would give. For that, all samples go through all exits once more: it takes what the
 * model without exits takes, and the heads.
 * @param watch what was seen while the file was run on the data.
 */
export async function exitFigures(
  watch: ExitWatch,
  bench: Workbench,
  test: TaskData,
  classification: ClassificationAccumulator,
  options: { limit?: number | undefined },
  context: CommandContext,
): Promise<Pick<Report, 'adaptive' | 'warnings'>> {
  const seen = watch.report(classification);
  const found = await flatten(bench.model);
  if (!found) return { adaptive: seen, warnings: [NOT_APART] };
  const { flat, design } = found;
  const { exits, form, costs, measure, thresholds } = design;
  const whole = { model: { flat, exits, form, costs, own: [] }, measure, thresholds: [...thresholds], dropped: [] };
  const { report } = adaptiveReport(whole, await recordTest(whole, test, bench, options, context));
  const merged = seen.exits.map((exit, k) => ({ ...report.exits[k]!, ...exit }));
  return { adaptive: { ...seen, exits: merged, curve: report.curve, measure }, warnings: [] };
}

const NOT_APART =
  'what each exit is worth alone is not known: the file is of an earlier version, or another tool has changed it';

/** Watches where samples leave models that run side by side, as far as their cost depends on the input. */
export function watchExits(models: readonly Model[]) {
  const watches = models.map((model) => ExitWatch.of(model));
  return {
    watches,
    onOutputs(outputs: readonly NamedValues[]): void {
      for (const [k, watch] of watches.entries()) watch?.add(outputs[k]!);
    },
  };
}

/** Watches where samples leave a file whose cost depends on the input. */
export class ExitWatch {
  private readonly left: number[] = [];

  private constructor(
    private readonly card: ExitCard,
    private readonly thresholds: readonly number[],
  ) {}

  /** @returns undefined for any other file */
  static of(model: Model): ExitWatch | undefined {
    const card = readExitCard(model);
    return card && new ExitWatch(card, [...model.graph.initializers.get(card.threshold)!.toNumbers()]);
  }

  /** Takes what the file gave for a batch. */
  add(outputs: NamedValues): void {
    for (const exit of outputs[this.card.exit]!.data) this.left.push(Number(exit));
  }

  /** Mean multiply-accumulates of a sample. */
  get macs(): number {
    return this.card.macs * this.cost;
  }

  private get cost(): number {
    const { exits } = this.card;
    return sumOf(this.left, (exit) => exits[exit]!.cost) / Math.max(1, this.left.length);
  }

  /** What is known of the exits from where samples left, and whether that was right. */
  report(classification: ClassificationAccumulator): NonNullable<Report['adaptive']> {
    const { card, left, thresholds, cost } = this;
    const { predictions } = classification;
    const isRight = left.map((_, sample) => predictions.isCorrect(sample));
    const accuracyOf = (some: readonly boolean[]) => some.filter(Boolean).length / Math.max(1, some.length);
    return {
      macsRatio: 1 / cost,
      exits: card.exits.map(({ name, cost: macs }, exit) => {
        const here = isRight.filter((_, sample) => left[sample] === exit);
        return {
          ...{ name, macs, threshold: thresholds[exit] ?? 1 },
          ...{ share: here.length / Math.max(1, left.length), accuracy: accuracyOf(here) },
          classes: classShares(classification, left, exit),
        };
      }),
      curve: [{ macs: cost, accuracy: accuracyOf(isRight) }],
    };
  }
}
