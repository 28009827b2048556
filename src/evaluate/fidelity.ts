import { UserError } from '../errors.js';
import { argmax } from './classification.js';

/** How near a model's output is to that of the model it came from, on the same inputs. */
export interface Fidelity {
  /**
   * Signal to quantization noise, 10·log₁₀(Σ reference² / Σ (reference − output)²), in dB: 20 dB more is a tenth of the
   * error. Absent where the outputs are equal or the reference is all zero.
   */
  sqnrDb?: number;
  /** Cosine of the angle between all values of both, −1…1; 1 where both are all zero. */
  cosine: number;
  /** Largest difference of two values. */
  maxAbsError: number;
  /** Share of rows whose largest value is at the same place, 0…1; absent for rows of one value. */
  agreement?: number;
}

/** Gathers how near one output of a model stays to a reference, batch by batch. */
export class FidelityAccumulator {
  /** Values compared. */
  elements = 0;
  /** Values that are NaN, or infinite in one and not in the other. */
  nonFinite = 0;
  private signal = 0;
  private power = 0;
  private noise = 0;
  private product = 0;
  private largest = 0;
  private rows = 0;
  private agreeing = 0;

  /** @param output name of the output, for messages. */
  constructor(readonly output: string) {}

  /**
   * Adds a batch.
   * @param reference values of the original model.
   * @param values of the compressed one, as many.
   * @param width values per row in which the largest is looked for: the last dimension of the output.
   * @throws UserError where the two differ in size.
   */
  add(reference: Float32Array, values: Float32Array, width = 1): void {
    if (reference.length !== values.length) {
      throw new UserError(`has ${values.length} values where the original has ${reference.length}`, {
        where: `output '${this.output}'`,
      });
    }
    this.elements += reference.length;
    for (let index = 0; index < reference.length; index++) this.addPair(reference[index]!, values[index]!);
    if (width <= 1) return;
    for (let start = 0; start < reference.length; start += width) {
      const end = start + width;
      this.rows++;
      if (argmax(reference.subarray(start, end)) === argmax(values.subarray(start, end))) this.agreeing++;
    }
  }

  private addPair(reference: number, value: number): void {
    const error = reference - value;
    if (!Number.isFinite(error)) {
      if (reference !== value) this.nonFinite++;
      return;
    }
    this.signal += reference * reference;
    this.power += value * value;
    this.noise += error * error;
    this.product += reference * value;
    this.largest = Math.max(this.largest, Math.abs(error));
  }

  /** @throws UserError where values are not finite (`nonFinite`), or where nothing was added. */
  result(): Fidelity {
    const where = `output '${this.output}'`;
    if (this.elements === 0) throw new UserError('gives no values to compare', { where });
    if (this.nonFinite > 0) {
      throw new UserError(`${this.nonFinite} of ${this.elements} values are NaN or infinite`, {
        where,
        mend: 'keep more nodes in float, or check the inputs',
      });
    }
    return {
      ...(this.noise > 0 && this.signal > 0 && { sqnrDb: 10 * Math.log10(this.signal / this.noise) }),
      cosine: this.cosine(),
      maxAbsError: this.largest,
      ...(this.rows > 0 && { agreement: this.agreeing / this.rows }),
    };
  }

  private cosine(): number {
    if (this.noise === 0) return 1;
    const lengths = Math.sqrt(this.signal) * Math.sqrt(this.power);
    return lengths === 0 ? 0 : Math.min(1, Math.max(-1, this.product / lengths));
  }
}

/** The worst value of each measure over several outputs. */
export function worstFidelity(outputs: readonly Fidelity[]): Fidelity {
  const present = (pick: (output: Fidelity) => number | undefined) => outputs.map(pick).filter((v) => v !== undefined);
  const sqnr = present((output) => output.sqnrDb);
  const agreement = present((output) => output.agreement);
  return {
    ...(sqnr.length > 0 && { sqnrDb: Math.min(...sqnr) }),
    cosine: Math.min(...outputs.map((output) => output.cosine)),
    maxAbsError: Math.max(...outputs.map((output) => output.maxAbsError)),
    ...(agreement.length > 0 && { agreement: Math.min(...agreement) }),
  };
}
