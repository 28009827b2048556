import type { Node } from '../../ir/node.js';
import { Tensor } from '../../ir/tensor.js';

/** How an operator with a constant weight makes output channels. All have the weight as their second input. */
export interface LinearRow {
  /** Input that takes a bias; absent where the operator has none. */
  bias?: 2;
  /** Number of output channels. */
  channels(node: Node, weight: Tensor): number;
  /** Axis of the channels in the output, from the front or (negative) from the end. */
  axis: 1 | -1;
  /** Dimensions of the output, where the weight tells. */
  rank?(weight: Tensor): number;
  /** The output channel that an element of the weight, by its position in memory, contributes to. */
  channelAt(node: Node, weight: Tensor): (position: number) => number;
}

/** Operators that multiply by a weight, by type. */
export const LINEAR: Record<string, LinearRow> = {
  Conv: {
    bias: 2,
    axis: 1,
    channels: (_, weight) => weight.dims[0]!,
    rank: (weight) => weight.dims.length,
    channelAt: (_, weight) => {
      const perChannel = weight.size / weight.dims[0]!;
      return (position) => Math.floor(position / perChannel);
    },
  },
  ConvTranspose: {
    bias: 2,
    axis: 1,
    channels: (node, weight) => weight.dims[1]! * node.int('group', 1),
    rank: (weight) => weight.dims.length,
    channelAt: (node, weight) => {
      const [inputs, outputs] = weight.dims as [number, number];
      const kernel = weight.size / (inputs * outputs);
      const perGroup = inputs / node.int('group', 1);
      return (position) => {
        const pair = Math.floor(position / kernel);
        return Math.floor(Math.floor(pair / outputs) / perGroup) * outputs + (pair % outputs);
      };
    },
  },
  Gemm: {
    bias: 2,
    axis: -1,
    channels: (node, weight) => weight.dims[node.int('transB', 0) ? 0 : 1]!,
    rank: () => 2,
    channelAt: (node, weight) => {
      const [, columns] = weight.dims as [number, number];
      return node.int('transB', 0) ? (position) => Math.floor(position / columns) : (position) => position % columns;
    },
  },
  MatMul: {
    axis: -1,
    channels: (_, weight) => weight.dims[1]!,
    channelAt: (_, weight) => (position) => position % weight.dims[1]!,
  },
};

/** The input channel of a Conv that an element of its weight reads. */
export function convInputAt(node: Node, weight: Tensor): (position: number) => number {
  const [outputs, inputs] = weight.dims as [number, number];
  const kernel = weight.size / (outputs * inputs);
  const perGroup = outputs / node.int('group', 1);
  return (position) => {
    const pair = Math.floor(position / kernel);
    return Math.floor(Math.floor(pair / inputs) / perGroup) * inputs + (pair % inputs);
  };
}

/** A weight with each element multiplied by the factor of its channel; one factor stands for all. */
export function scaledWeight(weight: Tensor, factors: Float64Array, channelAt: (position: number) => number): Tensor {
  const values = weight.type === 'float64' ? weight.toNumbers() : weight.toFloats();
  const only = factors.length === 1 ? factors[0] : undefined;
  const scaled = values.map((value, position) => value * (only ?? factors[channelAt(position)]!));
  return Tensor.from(weight.name, weight.type, weight.dims, scaled);
}
