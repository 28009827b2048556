import fc from 'fast-check';
import { expect, it } from 'vitest';
import { Emitter } from '../../../src/ir/emitter.js';
import { Model } from '../../../src/ir/model.js';
import { Tensor } from '../../../src/ir/tensor.js';
import { elementCount } from '../../../src/ir/types.js';
import { type Random, seededRandom } from '../../../src/random.js';
import { oracleGap, prunable } from './oracle.js';

/** Writes a network of random weights, one block at a time, over images of 6 × 6 pixels. */
class NetworkWriter {
  readonly model = new Model();
  readonly g: Emitter;
  value = 'x';
  channels = 3;

  constructor(private readonly random: Random) {
    this.model.opsets.set('', 18);
    this.model.graph.inputs = [{ name: 'x', type: { kind: 'tensor', elem: 'float32', shape: [2, 3, 6, 6] } }];
    this.g = new Emitter(this.model, 'net');
  }

  weight(...dims: number[]): string {
    const values = Float32Array.from({ length: elementCount(dims) }, () => this.random() - 0.4);
    return this.g.constant(Tensor.from('w', 'float32', dims, values));
  }

  conv(value: string, from: number, to: number, size = 1, group = 1): string {
    const pads = Array(4).fill((size - 1) / 2);
    const weight = this.weight(to, from / group, size, size);
    return this.g.op('Conv', [value, weight, this.weight(to)], { group, pads });
  }

  relu(value: string): string {
    return this.g.op('Relu', [value]);
  }

  finish(): Model {
    const { g } = this;
    const flat = g.op('Flatten', [g.op('MaxPool', [this.value], { kernel_shape: [3, 3], strides: [3, 3] })]);
    const output = g.op('Gemm', [flat, this.weight(2, this.channels * 4), this.weight(2)], { transB: 1 });
    this.model.graph.outputs = [{ name: output, type: { kind: 'tensor', elem: 'float32', shape: [2, 2] } }];
    return this.model;
  }
}

/** Blocks by name: each changes the value that the network has come to, and perhaps its channels. */
const BLOCKS: Record<string, (net: NetworkWriter) => void> = {
  wider(net) {
    const to = net.channels > 12 ? 6 : net.channels + 4;
    net.value = net.relu(net.conv(net.value, net.channels, to, 3));
    net.channels = to;
  },
  residual(net) {
    const inner = net.relu(net.conv(net.value, net.channels, 5));
    net.value = net.relu(net.g.add(net.value, net.conv(inner, 5, net.channels, 3)));
  },
  depthwise(net) {
    net.value = net.conv(net.value, net.channels, net.channels, 3, net.channels);
  },
  grouped(net) {
    const wide = net.conv(net.value, net.channels, 12);
    net.value = net.relu(net.conv(wide, 12, 8, 3, 2));
    net.channels = 8;
  },
  norm(net) {
    const [scale, shift, mean] = [0, 1, 2].map(() => net.weight(net.channels));
    const variance = net.g.constant(Tensor.from('v', 'float32', [net.channels], Array(net.channels).fill(0.7)));
    net.value = net.g.op('BatchNormalization', [net.value, scale, shift, mean, variance]);
  },
  dense(net) {
    net.value = net.g.op('Concat', [net.value, net.relu(net.conv(net.value, net.channels, 3, 3))], { axis: 1 });
    net.channels += 3;
  },
  excitation(net) {
    const squeezed = net.relu(net.conv(net.g.op('GlobalAveragePool', [net.value]), net.channels, 3));
    net.value = net.g.mul(net.value, net.g.op('Sigmoid', [net.conv(squeezed, 3, net.channels)]));
  },
  gate(net) {
    const [value, gate] = net.g.ops('Split', [net.conv(net.value, net.channels, 14)], { axis: 1, num_outputs: 2 }, 2);
    net.value = net.g.mul(value!, net.g.op('Tanh', [gate]));
    net.channels = 7;
  },
  shuffle(net) {
    const wide = net.g.reshape(net.conv(net.value, net.channels, 10), [0, 2, 5, 6, 6]);
    net.value = net.g.reshape(net.g.transpose(wide, [0, 2, 1, 3, 4]), [0, 10, 6, 6]);
    net.channels = 10;
  },
  slices(net) {
    const wide = net.conv(net.value, net.channels, 9);
    const part = (begin: number, end: number) =>
      net.g.op('Slice', [wide, net.g.ints([begin]), net.g.ints([end]), net.g.ints([1])]);
    net.value = net.g.op('Max', [part(0, 5), part(-5, 9)]);
    net.channels = 5;
  },
  perPixel(net) {
    const last = net.g.transpose(net.value, [0, 2, 3, 1]);
    const dense = net.g.op('MatMul', [last, net.weight(net.channels, 6)]);
    net.value = net.g.transpose(net.relu(dense), [0, 3, 1, 2]);
    net.channels = 6;
  },
};

it('networks of random blocks give the same without channels as with zeros', { timeout: 60_000 }, async () => {
  const blocks = fc.array(fc.constantFrom(...Object.keys(BLOCKS)), { minLength: 1, maxLength: 7 });
  await fc.assert(
    fc.asyncProperty(blocks, fc.integer(), async (names, seed) => {
      const random = seededRandom(seed);
      const net = new NetworkWriter(random);
      net.value = net.conv('x', 3, 8);
      net.channels = 8;
      for (const name of names) BLOCKS[name]!(net);
      const part = await prunable(net.finish());
      expect(part.found.groups.length).toBeGreaterThan(0);
      const removed = new Map(
        part.found.groups.map((group) => {
          const kept = Math.floor(random() * group.size);
          const gone = Array.from({ length: group.size }, (_, k) => k).filter((k) => k !== kept && random() < 0.4);
          return [group, new Set(gone)];
        }),
      );
      expect(await oracleGap(part, removed)).toBeLessThan(1e-4);
    }),
    { numRuns: 40, seed: 1 },
  );
});
