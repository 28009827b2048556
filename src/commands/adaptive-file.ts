import type { ClassificationAccumulator } from '../evaluate/classification.js';
import { sumOf } from '../group.js';
import type { Model } from '../ir/model.js';
import type { NamedValues } from '../ir/types.js';
import { type ExitCard, readExitCard } from '../passes/exits/card.js';
import type { Report } from '../report/schema.js';
import { classShares } from './adapt-report.js';

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
  report(classification: ClassificationAccumulator): Report['adaptive'] {
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
