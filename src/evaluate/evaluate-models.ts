import type { TaskData } from '../data/task.js';
import { UserError } from '../errors.js';
import { floatFromHalf } from '../ir/half.js';
import type { NamedValues, TensorValue } from '../ir/types.js';
import { batchSize, runPool } from '../runtime/pool.js';
import type { SessionOptions } from '../runtime/protocol.js';
import { ClassificationAccumulator, type Target } from './classification.js';
import { type Fidelity, FidelityAccumulator, worstFidelity } from './fidelity.js';
import { outputKindOf } from './loss.js';

/** How models are run over data. */
export interface EvaluationOptions {
  /** Samples to run on. */
  indices: readonly number[];
  batchSize?: number | undefined;
  /** Threads that each hold the models. */
  workers: number;
  session?: SessionOptions;
  /** Called with the number of samples done. */
  onProgress?: ((samples: number) => void) | undefined;
}

/** What running models over data gave. */
export interface Evaluation {
  /** Predictions and metrics of each model, in the order given; absent where the output holds no class scores. */
  classifications: ClassificationAccumulator[] | undefined;
  /** How near the outputs of each further model are to the first one's; undefined where they are not finite. */
  fidelities: (Fidelity | undefined)[];
  /** Samples that were run. */
  samples: number;
}

/**
 * Runs models over the same samples side by side and gathers predictions and output errors. Memory does not grow with
 * the data, but for a few bytes per sample.
 * @param models bytes or paths; the first is what the others are compared with.
 * @throws UserError where a model gives NaN, or its outputs do not fit the classes
 */
export async function evaluateModels(
  models: readonly (Uint8Array | string)[],
  data: TaskData,
  options: EvaluationOptions,
): Promise<Evaluation> {
  const gathering = new Gathering(models.length, data);
  const stream = data.stream(options.indices, options.batchSize);
  const pool = { workers: options.workers, fixedBatch: data.fixedBatch, session: options.session };
  for await (const { batch, outputs } of runPool(models, stream, pool)) {
    gathering.add(batch.indices, batchSize(batch.feeds), outputs);
    options.onProgress?.(gathering.samples);
  }
  return gathering.result();
}

class Gathering {
  samples = 0;
  private classifications: ClassificationAccumulator[] | undefined;
  private readonly fidelities: Map<string, FidelityAccumulator>[];

  constructor(
    private readonly models: number,
    private readonly data: TaskData,
  ) {
    this.fidelities = Array.from({ length: models - 1 }, () => new Map());
  }

  add(indices: readonly number[], rows: number, outputs: readonly NamedValues[]): void {
    const { output, labels } = this.data;
    const scores = outputs.map((values) => values[output]);
    const reference = scores[0];
    if (!reference) throw new UserError(`the model gives no output '${output}'`);
    if (isScores(reference, rows)) {
      this.classifications ??= this.begin(floatsOf(reference));
      const targets = indices.map((index): Target => labels.targets[index]);
      this.classifications.forEach((accumulator, k) => {
        accumulator.add(floatsOf(scores[k]!), targets);
      });
    }
    for (let k = 1; k < this.models; k++) this.compare(outputs[0]!, outputs[k]!, this.fidelities[k - 1]!);
    this.samples += rows;
  }

  result(): Evaluation {
    return {
      classifications: this.classifications,
      fidelities: this.fidelities.map((outputs) => {
        const accumulators = [...outputs.values()];
        if (!accumulators.length || accumulators.some(({ nonFinite }) => nonFinite > 0)) return undefined;
        return worstFidelity(accumulators.map((accumulator) => accumulator.result()));
      }),
      samples: this.samples,
    };
  }

  private begin(scores: Float32Array): ClassificationAccumulator[] {
    const { kind, labels } = this.data;
    const classes = kind === 'binary' && labels.classes.length < 2 ? ['0', '1'] : labels.classes;
    const outputKind = outputKindOf(scores, kind === 'binary' ? 1 : classes.length, kind);
    return Array.from({ length: this.models }, () => new ClassificationAccumulator(classes, kind, { outputKind }));
  }

  private compare(reference: NamedValues, values: NamedValues, outputs: Map<string, FidelityAccumulator>): void {
    for (const [name, value] of Object.entries(reference)) {
      if (!value.type.startsWith('float') || !values[name] || !value.data.length) continue;
      const accumulator = outputs.get(name) ?? new FidelityAccumulator(name);
      outputs.set(name, accumulator);
      accumulator.add(floatsOf(value), floatsOf(values[name]), value.dims.at(-1));
    }
  }
}

/** Scores are one row per sample: `[rows, classes]`, `[rows, 1]` or `[rows]`. */
function isScores(value: TensorValue, rows: number): boolean {
  return value.dims.length <= 2 && value.dims[0] === rows;
}

function floatsOf(value: TensorValue): Float32Array {
  if (value.data instanceof Float32Array) return value.data;
  if (value.type === 'float16') return Float32Array.from(value.data as Uint16Array, floatFromHalf);
  return Float32Array.from(value.data as Float64Array);
}
