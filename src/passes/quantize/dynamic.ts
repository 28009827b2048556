import type { Model } from '../../ir/model.js';
import type { Node } from '../../ir/node.js';
import { Tensor } from '../../ir/tensor.js';
import { GraphBuilder } from './builder.js';
import { quantizeWeight } from './integers.js';

/** How weights of dynamically quantized nodes become integers. */
export interface DynamicOptions {
  perChannel: boolean;
  /** Largest weight integer: 127, or 63 for processors without VNNI. */
  weightLimit: number;
}

/**
 * Turns MatMul nodes with a constant rank-2 right side into
 * DynamicQuantizeLinear → MatMulInteger → Cast → Mul, which ONNX Runtime fuses into DynamicQuantizeMatMul (or into
 * MatMulIntegerToFloat where several nodes share an activation). Changes `model` in place.
 */
export function quantizeMatMulsDynamically(model: Model, nodes: ReadonlySet<Node>, options: DynamicOptions): void {
  const builder = new GraphBuilder(model);
  const activations = new Map<string, string[]>();
  const weights = new Map<string, { int8: string; scales: Float32Array }>();
  for (const node of nodes) {
    const [activation, weightName] = node.inputs as [string, string];
    const { int8, scales } = weights.get(weightName) ?? quantizeMatrix(builder, weightName, options);
    weights.set(weightName, { int8, scales });
    const quantized = activations.get(activation) ?? quantizeActivation(builder, activation);
    activations.set(activation, quantized);
    const [integers, scale, zero] = quantized as [string, string, string];
    const { name } = node;
    const output = node.outputs[0]!;
    const [sums] = builder.node('MatMulInteger', [integers, int8, zero], `${output}_sums`, { name }) as [string];
    const [float] = builder.node('Cast', [sums], `${output}_float`, { attributes: { to: 1 } }) as [string];
    // One constant per node, even where scales agree: the fusion needs a scale product of its own.
    const weightScale = builder.floats(`${weightName}_scale`, options.perChannel ? scales : scales[0]!);
    const [product] = builder.node('Mul', [scale, weightScale], `${output}_scale`) as [string];
    builder.node('Mul', [float, product], output, { output });
  }
  model.graph.removeNodes(nodes);
  model.graph.sort();
}

function quantizeMatrix(builder: GraphBuilder, name: string, { perChannel, weightLimit }: DynamicOptions) {
  const weight = builder.model.graph.initializers.get(name)!;
  const axis = perChannel ? weight.dims.length - 1 : undefined;
  const { data, scales } = quantizeWeight(weight, { axis, limit: weightLimit });
  return { int8: builder.constant(Tensor.of(`${name}_int8`, 'int8', weight.dims, data)), scales };
}

function quantizeActivation(builder: GraphBuilder, activation: string): string[] {
  return builder.node('DynamicQuantizeLinear', [activation], `${activation}_quantized`, { outputs: 3 });
}
