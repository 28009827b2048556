import { reorderScores } from '../data/class-order.js';
import type { TaskData } from '../data/task.js';
import type { Batch } from '../data/types.js';
import { UserError } from '../errors.js';
import { floatFromHalf } from '../ir/half.js';
import type { NamedValues, TensorValue } from '../ir/types.js';
import { batchSize, type PoolResult, runPool } from '../runtime/pool.js';
import type { SessionOptions } from '../runtime/protocol.js';
import { ClassificationAccumulator, type Target } from './classification.js';
import { type Fidelity, FidelityAccumulator, worstFidelity } from './fidelity.js';
import { type OutputKind, outputKindOf } from './loss.js';

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
  /** Called with what each model gave for a batch, in the order that predictions are recorded. */
  onOutputs?: ((outputs: readonly NamedValues[]) => void) | undefined;
}

/** Models that take the same inputs, and the data prepared for them. */
export interface Lane {
  /** Bytes or paths. */
  models: readonly (Uint8Array | string)[];
  data: TaskData;
  /** Place of each class of the first lane among this one's, where they are in another order. */
  classOrder?: readonly number[] | undefined;
}

/** What running models over data gave. */
export interface Evaluation {
  /** Predictions and metrics of each model, in the order given; absent where the output holds no class scores. */
  classifications: ClassificationAccumulator[] | undefined;
  /** How near the outputs of each further model are to the first one's; undefined where they are not finite or are of
   * another kind. */
  fidelities: (Fidelity | undefined)[];
  /** Whether each model gives logits or probabilities; none where the output holds no class scores. */
  kinds: OutputKind[];
  /** Samples that were run. */
  samples: number;
  /** Place in the data of each sample, in the order that predictions were recorded. */
  indices: number[];
}

/**
 * Runs models over the same samples side by side and gathers predictions and output errors. Memory does not grow with
 * the data, but for a few bytes per sample.
 * @param models bytes or paths; the first is what the others are compared with.
 * @throws UserError where a model gives NaN, or its outputs do not fit the classes
 */
export function evaluateModels(
  models: readonly (Uint8Array | string)[],
  data: TaskData,
  options: EvaluationOptions,
): Promise<Evaluation> {
  return evaluateLanes([{ models, data }], options);
}

/**
 * The same for models that take different inputs: each lane prepares the samples in its own way, and all run in step.
 * @throws UserError where a sample can be prepared for some of the models only
 */
export async function evaluateLanes(lanes: readonly Lane[], options: EvaluationOptions): Promise<Evaluation> {
  const gathering = new Gathering(lanes);
  const size = commonBatchSize(lanes, options.batchSize);
  const pools = lanes.map(({ models, data }) =>
    runPool(models, data.stream(options.indices, size), {
      workers: options.workers,
      fixedBatch: data.fixedBatch,
      session: options.session,
    }),
  );
  for await (const results of inStep(pools)) {
    const { indices, feeds } = results[0]!.batch;
    checkSameSamples(lanes, results);
    const outputs = results.flatMap((result) => result.outputs);
    gathering.add(indices, batchSize(feeds), outputs);
    options.onOutputs?.(outputs);
    options.onProgress?.(gathering.samples);
  }
  return gathering.result();
}

/** The batch size asked for, else the smallest that a model of several lanes insists on. */
function commonBatchSize(lanes: readonly Lane[], given: number | undefined): number | undefined {
  if (given !== undefined || lanes.length === 1) return given;
  const fixed = lanes.map(({ data }) => data.fixedBatch).filter((size) => size !== undefined);
  return fixed.length ? Math.min(...fixed) : undefined;
}

/** The next of each, until they end. @throws UserError where one ends before the others */
async function* inStep<T>(generators: readonly AsyncGenerator<T>[]): AsyncGenerator<T[]> {
  try {
    for (;;) {
      const next = await Promise.all(generators.map((generator) => generator.next()));
      if (next.every(({ done }) => done)) return;
      if (next.some(({ done }) => done))
        throw new UserError('some samples can be prepared for one of the models only', { mend: 'remove them' });
      yield next.map(({ value }) => value as T);
    }
  } finally {
    await Promise.all(generators.map((generator) => generator.return(undefined)));
  }
}

function checkSameSamples(lanes: readonly Lane[], results: readonly PoolResult<Batch>[]): void {
  const [first, ...others] = results.map(({ batch }) => batch.indices);
  for (const indices of others) {
    if (indices.length === first!.length && indices.every((index, k) => index === first![k])) continue;
    const { dataset } = lanes[0]!.data;
    const odd = first!.find((index) => !indices.includes(index)) ?? indices.find((index) => !first!.includes(index));
    throw new UserError('can be prepared for one of the models only', {
      file: dataset.path,
      where: dataset.describe(odd!),
      mend: 'remove it from the data',
    });
  }
}

class Gathering {
  samples = 0;
  private readonly indices: number[] = [];
  private classifications: ClassificationAccumulator[] | undefined;
  private readonly fidelities: Map<string, FidelityAccumulator>[];
  /** The data of each model, and the kind of its scores. */
  private readonly data: TaskData[];
  private readonly orders: (readonly number[] | undefined)[];
  private kinds: OutputKind[] = [];

  constructor(private readonly lanes: readonly Lane[]) {
    this.data = lanes.flatMap(({ models, data }) => models.map(() => data));
    this.orders = lanes.flatMap(({ models, classOrder }) => models.map(() => classOrder));
    this.fidelities = Array.from({ length: this.data.length - 1 }, () => new Map());
  }

  add(indices: readonly number[], rows: number, outputs: readonly NamedValues[]): void {
    const scores = outputs.map((values, k) => scoresOf(values, this.data[k]!));
    if (scores.every((value, k) => isScores(value, rows, this.data[k]!))) {
      this.classifications ??= this.begin(scores);
      for (const [k, accumulator] of this.classifications.entries()) {
        const order = this.orders[k];
        const { targets } = this.data[order ? 0 : k]!.labels;
        const values = floatsOf(scores[k]!);
        accumulator.add(
          order ? reorderScores(values, this.data[k]!.labels.classes.length, order) : values,
          indices.map((index): Target => targets[index]),
        );
      }
    }
    for (let k = 1; k < outputs.length; k++) this.compare(outputs, k);
    this.indices.push(...indices);
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
      kinds: this.kinds,
      samples: this.samples,
      indices: this.indices,
    };
  }

  /** The first model of a lane shows the kind of scores that the others of the lane give too. */
  private begin(scores: readonly TensorValue[]): ClassificationAccumulator[] {
    this.kinds = this.data.map((data) => {
      const width = data.kind === 'binary' ? 1 : data.labels.classes.length;
      return outputKindOf(floatsOf(scores[this.data.indexOf(data)]!), width, data.kind);
    });
    return this.data.map((own, k) => {
      const { kind } = own;
      const { labels } = this.orders[k] ? this.data[0]! : own;
      const classes = kind === 'binary' && labels.classes.length < 2 ? ['0', '1'] : labels.classes;
      return new ClassificationAccumulator(classes, kind, { outputKind: this.kinds[k]! });
    });
  }

  /** Compares outputs of the same name; scores of the same kind are compared whatever they are called. */
  private compare(outputs: readonly NamedValues[], k: number): void {
    const [reference, values] = [outputs[0]!, outputs[k]!];
    const [ours, theirs] = [this.data[0]!.output, this.data[k]!.output];
    const accumulators = this.fidelities[k - 1]!;
    for (const [name, value] of Object.entries(reference)) {
      if (name === ours && this.kinds[0] !== this.kinds[k]) continue;
      const other = values[name === ours ? theirs : name];
      if (!other || !isComparable(value, other, this.lanes.length === 1)) continue;
      const accumulator = accumulators.get(name) ?? new FidelityAccumulator(name);
      accumulators.set(name, accumulator);
      accumulator.add(floatsOf(value), floatsOf(other), value.dims.at(-1));
    }
  }
}

/** @throws UserError where the model gives no such output */
function scoresOf(values: NamedValues, { output }: TaskData): TensorValue {
  const scores = values[output];
  if (!scores) throw new UserError(`the model gives no output '${output}'`);
  return scores;
}

/** Outputs of models of one origin must have the same shape; for others, those that have are compared. */
function isComparable(value: TensorValue, other: TensorValue, sameOrigin: boolean): boolean {
  if (!value.type.startsWith('float') || !other.type.startsWith('float') || !value.data.length) return false;
  return sameOrigin || value.dims.join() === other.dims.join();
}

/** Scores are one row per sample: `[rows, classes]`, `[rows, 1]` or `[rows]`, and further axes of length 1 if declared. */
function isScores({ dims }: TensorValue, rows: number, { givesRows }: TaskData): boolean {
  const axes = givesRows ? dims.filter((dim, axis) => !axis || dim !== 1) : dims;
  return axes.length <= 2 && dims[0] === rows;
}

/** Values of a float tensor as float32. */
export function floatsOf(value: TensorValue): Float32Array {
  if (value.data instanceof Float32Array) return value.data;
  if (value.type === 'float16') return Float32Array.from(value.data as Uint16Array, floatFromHalf);
  return Float32Array.from(value.data as Float64Array);
}
