import { Tensor } from '../../../src/ir/tensor.js';
import { elementCount } from '../../../src/ir/types.js';

/** Numbers from a linear congruential generator (Numerical Recipes), the same for the same seed. */
export class Random {
  constructor(private state: number) {}

  /** A number from 0 up to 1. */
  next(): number {
    this.state = (Math.imul(this.state, 1664525) + 1013904223) >>> 0;
    return this.state / 2 ** 32;
  }

  /** A float32 tensor of numbers from 0.5 to 1.5. */
  positive(name: string, dims: readonly number[]): Tensor {
    return Tensor.from(
      name,
      'float32',
      dims,
      Float32Array.from({ length: elementCount(dims) }, () => this.next() + 0.5),
    );
  }
}
