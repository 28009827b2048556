/** What a classifier decides: one class of many, any number of them, or yes or no by one output. */
export type Task = 'single-label' | 'multi-label' | 'binary';

/**
 * What a model predicted for each sample, and what was right: all that paired comparisons and resampling need. A sample
 * takes 13 bytes, for multi-label data 5 and 8 for every 32 classes.
 */
export class Predictions {
  /** Samples recorded. */
  size = 0;
  /** 32-bit words that hold a prediction: a class index, or a bit per class for multi-label data. */
  private readonly words: number;
  private predicted: Int32Array;
  private target: Int32Array;
  private labelled = new Uint8Array(256);
  private losses = new Float32Array(256);

  constructor(
    readonly task: Task,
    /** Number of classes. */
    readonly classes: number,
  ) {
    this.words = task === 'multi-label' ? Math.ceil(classes / 32) : 1;
    this.predicted = new Int32Array(256 * this.words);
    this.target = new Int32Array(256 * this.words);
  }

  /** Records a sample: class indices predicted and right (undefined where it has no label), and its loss. */
  push(predicted: readonly number[], target: readonly number[] | undefined, loss: number): void {
    if (this.size === this.labelled.length) this.grow();
    this.write(this.predicted, predicted);
    if (target) this.write(this.target, target);
    this.labelled[this.size] = target ? 1 : 0;
    this.losses[this.size] = loss;
    this.size++;
  }

  /** True where the sample has a label. */
  isLabelled(sample: number): boolean {
    return this.labelled[sample] === 1;
  }

  /** True where the prediction is right: the class, or for multi-label data the whole set of classes. */
  isCorrect(sample: number): boolean {
    return this.isLabelled(sample) && this.sameWords(this.predicted, this.target, sample);
  }

  /** True where another model predicted the same for the sample. */
  agrees(other: Predictions, sample: number): boolean {
    return this.sameWords(this.predicted, other.predicted, sample);
  }

  /** True where both were recorded against the same label (or none). */
  sharesTarget(other: Predictions, sample: number): boolean {
    if (this.labelled[sample] !== other.labelled[sample]) return false;
    return !this.isLabelled(sample) || this.sameWords(this.target, other.target, sample);
  }

  /** Loss of the sample; NaN where it has no label. */
  loss(sample: number): number {
    return this.losses[sample] ?? Number.NaN;
  }

  /** Class indices predicted. */
  predictedClasses(sample: number): number[] {
    return this.read(this.predicted, sample);
  }

  /** Class indices that are right; none where the sample has no label. */
  targetClasses(sample: number): number[] {
    return this.isLabelled(sample) ? this.read(this.target, sample) : [];
  }

  private sameWords(a: Int32Array, b: Int32Array, sample: number): boolean {
    const end = (sample + 1) * this.words;
    for (let word = sample * this.words; word < end; word++) if (a[word] !== b[word]) return false;
    return true;
  }

  private write(words: Int32Array, classes: readonly number[]): void {
    const start = this.size * this.words;
    if (this.task !== 'multi-label') words[start] = classes[0]!;
    else for (const index of classes) words[start + (index >> 5)]! |= 1 << (index & 31);
  }

  private read(words: Int32Array, sample: number): number[] {
    const start = sample * this.words;
    if (this.task !== 'multi-label') return [words[start]!];
    const classes: number[] = [];
    for (let word = 0; word < this.words; word++) {
      for (let bits = words[start + word]!; bits !== 0; bits &= bits - 1) {
        classes.push(32 * word + 31 - Math.clz32(bits & -bits));
      }
    }
    return classes;
  }

  private grow(): void {
    const capacity = 2 * this.labelled.length;
    this.predicted = copied(this.predicted, new Int32Array(capacity * this.words));
    this.target = copied(this.target, new Int32Array(capacity * this.words));
    this.labelled = copied(this.labelled, new Uint8Array(capacity));
    this.losses = copied(this.losses, new Float32Array(capacity));
  }
}

function copied<Array extends { set(source: Array): void }>(source: Array, target: Array): Array {
  target.set(source);
  return target;
}
