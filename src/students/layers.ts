import { Emitter } from '../ir/emitter.js';
import type { Model } from '../ir/model.js';
import { Tensor } from '../ir/tensor.js';
import { elementCount } from '../ir/types.js';
import { mixedSeed, seededRandom } from '../random.js';

/** A value of a network under construction, and how many channels or features it has. */
export interface Features {
  value: string;
  width: number;
}

/** How a convolution goes over its input: lengths per spatial axis. */
export interface Convolution {
  outputs: number;
  kernel: readonly number[];
  /** 1 where absent. */
  strides?: readonly number[];
  /** True: each channel by itself. */
  depthwise?: boolean;
}

/** Gain of weights before a rectifier (He et al. 2015) over those before a linear unit. */
const RECTIFIED = Math.SQRT2;

/**
 * Writes layers with initial weights, uniformly distributed. Weights are drawn when they are first read, each from a
 * stream of its own, so that a network can be counted without them.
 */
export class Layers {
  readonly g: Emitter;

  /**
   * @param seed of the weights, which are zero without it.
   * @param path begins the names of nodes and weights: `cnn/stage1/conv1`.
   */
  constructor(
    private readonly model: Model,
    private readonly seed: number | undefined,
    private readonly path: string,
  ) {
    this.g = new Emitter(model, path);
  }

  /** Writes under a longer name. */
  within(name: string): Layers {
    return new Layers(this.model, this.seed, `${this.path}/${name}`);
  }

  /** A weight with values within ±√3 · `deviation`. */
  weight(name: string, dims: readonly number[], deviation: number): string {
    const full = `${this.path}/${name}`;
    const seed = this.seed === undefined ? undefined : mixedSeed(this.seed, ...Buffer.from(full));
    let values: Float32Array | undefined;
    const draw = () => {
      values ??= uniform(elementCount(dims), Math.sqrt(3) * deviation, seed);
      return values;
    };
    return this.g.constant(Tensor.lazy(full, 'float32', dims, draw));
  }

  /** A weight of equal values, or of values by their place. */
  filled(name: string, dims: readonly number[], value: number | ((place: number) => number)): string {
    const of = typeof value === 'number' ? () => value : (_: unknown, place: number) => value(place);
    const values = Float32Array.from({ length: elementCount(dims) }, of);
    return this.g.constant(Tensor.of(`${this.path}/${name}`, 'float32', dims, values));
  }

  /** A convolution that keeps sizes but for its strides, with batch normalization and a rectifier. */
  convolve(x: Features, shape: Convolution): Features {
    return this.rectified(this.batchNorm(this.convolution(x, shape)));
  }

  /** A convolution alone. @param bias true for one that no normalization follows. */
  convolution(
    x: Features,
    { outputs, kernel, strides = kernel.map(() => 1), depthwise }: Convolution,
    bias = false,
  ): Features {
    const inputs = depthwise ? 1 : x.width;
    const deviation = RECTIFIED / Math.sqrt(inputs * elementCount(kernel));
    const weight = this.weight('weight', [outputs, inputs, ...kernel], deviation);
    const value = this.g.op('Conv', [x.value, weight, bias ? this.filled('bias', [outputs], 0) : undefined], {
      kernel_shape: kernel,
      strides,
      pads: [...kernel.map((size) => (size - 1) >> 1), ...kernel.map((size) => size >> 1)],
      group: depthwise ? x.width : 1,
    });
    return { value, width: outputs };
  }

  rectified({ value, width }: Features): Features {
    return { value: this.g.op('Relu', [value]), width };
  }

  /** A depthwise convolution and one over channels (Howard et al. 2017), kernel 3. */
  separable(x: Features, outputs: number, stride: number): Features {
    const kernel = [3, 3];
    const filtered = this.within('depthwise').convolve(x, {
      outputs: x.width,
      kernel,
      strides: [stride, stride],
      depthwise: true,
    });
    return this.within('pointwise').convolve(filtered, { outputs, kernel: [1, 1] });
  }

  /** Batch normalization over axis 1, with running statistics of mean 0 and variance 1. */
  batchNorm({ value, width }: Features): Features {
    const constants = Object.entries({ scale: 1, shift: 0, mean: 0, variance: 1 });
    const inputs = constants.map(([name, start]) => this.filled(name, [width], start));
    return { value: this.g.op('BatchNormalization', [value, ...inputs]), width };
  }

  /** Layer normalization over the last axis. */
  layerNorm({ value, width }: Features): Features {
    const inputs = [this.filled('scale', [width], 1), this.filled('shift', [width], 0)];
    return { value: this.g.op('LayerNormalization', [value, ...inputs], { axis: -1 }), width };
  }

  /** A dense layer over rows of features (Glorot and Bengio 2010). @param bias what its bias begins with. */
  dense(x: Features, outputs: number, bias = 0): Features {
    const inputs = [x.value, ...this.denseWeights(x, outputs, bias)];
    return { value: this.g.op('Gemm', inputs), width: outputs };
  }

  /** The same over each moment of a sequence. */
  denseEach(x: Features, outputs: number): Features {
    const [weight, bias] = this.denseWeights(x, outputs, 0) as [string, string];
    return { value: this.g.add(this.g.op('MatMul', [x.value, weight]), bias), width: outputs };
  }

  private denseWeights({ width }: Features, outputs: number, bias: number): string[] {
    const weight = this.weight('weight', [width, outputs], Math.sqrt(2 / (width + outputs)));
    return [weight, this.filled('bias', [outputs], bias)];
  }

  /** The mean of every channel over all places. */
  pooled({ value, width }: Features): Features {
    return { value: this.g.op('Flatten', [this.g.op('GlobalAveragePool', [value])]), width };
  }
}

function uniform(count: number, bound: number, seed: number | undefined): Float32Array {
  const values = new Float32Array(count);
  if (seed === undefined) return values;
  const random = seededRandom(seed);
  for (let k = 0; k < count; k++) values[k] = bound * (2 * random() - 1);
  return values;
}
