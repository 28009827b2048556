import { UserError } from '../../errors.js';
import type { GraphIndex } from '../../ir/graph.js';
import type { Model } from '../../ir/model.js';
import { Node } from '../../ir/node.js';
import { Tensor } from '../../ir/tensor.js';
import { activationInputs, STATIC_QUANTIZATION, type StaticRow } from '../../ops/quantization.js';
import {
  isFiniteRange,
  type QuantParams,
  quantizeWeight,
  type Range,
  rangeOf,
  roundEven,
  uint8Params,
} from './integers.js';
import type { StaticRegion } from './region.js';

/** What static quantization needs beside the region. */
export interface StaticOptions {
  /** Ranges of the region's values, from calibration. */
  ranges: ReadonlyMap<string, Range>;
  /** One weight scale per output channel instead of one per tensor. */
  perChannel: boolean;
  /** Puts the zero point of activations at 128 (0 for values without negatives). */
  symmetric: boolean;
  /** Largest weight integer: 127, or 63 for processors without VNNI. */
  weightLimit: number;
}

/**
 * Writes an integer region in QDQ form: uint8 activations, int8 weights, int32 biases, so that ONNX Runtime fuses each
 * node into its integer kernel. Changes `model` in place.
 */
export function insertQdq(model: Model, region: StaticRegion, options: StaticOptions): void {
  new QdqWriter(model, region, options).run();
}

/** Puts QuantizeLinear and DequantizeLinear around the nodes of a region. */
export class QdqWriter {
  private readonly index: GraphIndex;
  /** Scale and zero point of each value with a range of its own, and the name of the dequantized form of each value. */
  private readonly params = new Map<string, QuantParams>();
  private readonly dequantized = new Map<string, string>();
  private readonly weights = new Map<string, { name: string; scales: Float32Array }>();
  protected readonly added: Node[] = [];
  private readonly source = new Map<string, Node>();

  constructor(
    protected readonly model: Model,
    private readonly region: StaticRegion,
    protected readonly options: StaticOptions,
  ) {
    this.index = model.graph.index();
    for (const node of region.nodes)
      node.outputs.forEach((output, k) => {
        if (output) this.source.set(region.result(node, k), node);
      });
  }

  run(): void {
    const { graph } = this.model;
    const nodes = graph.nodes.filter((node) => this.region.nodes.has(node));
    for (const node of nodes) this.rewriteInputs(node);
    for (const node of nodes)
      node.outputs.forEach((output, k) => {
        if (output) this.rewriteOutput(node, this.region.result(node, k));
      });
    graph.nodes.push(...this.added);
    graph.sort();
  }

  private rewriteInputs(node: Node): void {
    const row = STATIC_QUANTIZATION[node.type]!;
    const { weight } = row;
    const weightName = weight && node.inputs[weight.input];
    const constant = weightName ? this.model.graph.initializers.get(weightName) : undefined;
    for (const i of activationInputs(node, row))
      if (!(constant && i === weight?.input)) node.inputs[i] = this.dequantize(node.inputs[i]!);
    if (constant && weight) this.rewriteWeight(node, row, constant, weight);
  }

  protected rewriteWeight(
    node: Node,
    row: StaticRow,
    constant: Tensor,
    weight: NonNullable<StaticRow['weight']>,
  ): void {
    const activation = this.paramsOf(this.originalInput(node, row));
    const axis = this.options.perChannel ? weight.axis(node, constant.dims.length) : undefined;
    const bias = this.biasOf(node, row, constant, weight.axis(node, constant.dims.length));
    const quantized = this.quantizedWeight(constant, axis, bias && minimumScales(bias, activation.scale, axis));
    node.inputs[weight.input] = quantized.name;
    if (bias && row.bias !== undefined)
      node.inputs[row.bias] = this.quantizedBias(node, bias, activation.scale, quantized.scales);
  }

  private readonly inputsBefore = new Map<string, string>();

  private originalInput(node: Node, row: StaticRow): string {
    const name = node.inputs[activationInputs(node, row)[0]!]!;
    return this.inputsBefore.get(name) ?? name;
  }

  /** The dequantized form of a value, made at first use. */
  private dequantize(value: string): string {
    const known = this.dequantized.get(value);
    if (known) return known;
    const { model } = this;
    const constant = model.graph.initializers.get(value);
    const output = model.freshName(`${value}_dequantized`);
    const params = this.paramsOf(value);
    const scale = this.scaleOf(value, params);
    const zero = model.addInitializer(Tensor.from(`${value}_zero_point`, 'uint8', [], [params.zeroPoint]));
    let integers: string;
    if (constant) integers = model.addInitializer(quantizedConstant(constant, params));
    else {
      integers = model.freshName(`${value}_quantized`);
      this.add('QuantizeLinear', [value, scale, zero], integers);
    }
    this.add('DequantizeLinear', [integers, scale, zero], output);
    this.dequantized.set(value, output);
    this.inputsBefore.set(output, value);
    return output;
  }

  /** The name of a value's scale. */
  protected scaleOf(value: string, { scale }: QuantParams): string {
    return this.model.addInitializer(Tensor.from(`${value}_scale`, 'float32', [], [scale]));
  }

  /** The value whose range holds for another one: a carrier's result shares that of its input. */
  protected ownerOf(value: string): string {
    const node = this.source.get(value);
    if (!node || STATIC_QUANTIZATION[node.type]!.role !== 'carrier') return value;
    const input = node.inputs[0]!;
    return this.ownerOf(this.inputsBefore.get(input) ?? input);
  }

  /** True where calibration tells the range of a value: it is no constant, and its operator does not fix it. */
  protected isCalibrated(value: string): boolean {
    return !this.model.graph.initializers.has(value) && !this.fixedRange(value);
  }

  /** The clamp that gives a value and vanishes behind an integer node. */
  protected clampOf(value: string): Node | undefined {
    const node = this.source.get(value);
    return node && this.region.clamps.get(node);
  }

  private fixedRange(value: string): StaticRow['range'] {
    const node = this.source.get(value);
    return node && STATIC_QUANTIZATION[node.type]!.range;
  }

  private paramsOf(value: string): QuantParams {
    const owner = this.ownerOf(value);
    const params = this.params.get(owner) ?? uint8Params(this.rangeOf(owner), this.options.symmetric);
    this.params.set(owner, params);
    return params;
  }

  private rangeOf(value: string): Range {
    const constant = this.model.graph.initializers.get(value);
    if (constant) return rangeOf(constant.toFloats());
    const fixed = this.fixedRange(value);
    const range = this.options.ranges.get(value);
    if (!range) throw new Error(`no calibrated range for ${value}`);
    if (!isFiniteRange(range))
      throw new UserError(`value ${value} is NaN or infinite on the calibration inputs`, {
        mend: 'check the inputs, or keep the nodes around it in float with --exclude',
      });
    return fixed ? { low: fixed[0], high: fixed[1] } : range;
  }

  private biasOf(node: Node, row: StaticRow, weight: Tensor, axis: number): Float32Array | undefined {
    if (row.bias === undefined) return undefined;
    const name = node.inputs[row.bias];
    if (!name) return undefined;
    const bias = this.model.graph.initializers.get(name)!.toFloats();
    return Float32Array.from({ length: weight.dims[axis]! }, (_, c) => bias[bias.length === 1 ? 0 : c]!);
  }

  private quantizedWeight(tensor: Tensor, axis: number | undefined, minScales: Float32Array | undefined) {
    const key = `${tensor.name} ${axis} ${minScales ?? ''}`;
    const known = this.weights.get(key);
    if (known) return known;
    const { model } = this;
    const { data, scales } = quantizeWeight(tensor, { axis, limit: this.options.weightLimit, minScales });
    const integers = model.addInitializer(Tensor.of(`${tensor.name}_int8`, 'int8', tensor.dims, data));
    const dims = axis === undefined ? [] : [scales.length];
    const scale = model.addInitializer(Tensor.of(`${tensor.name}_scale`, 'float32', dims, scales));
    const zero = model.addInitializer(
      Tensor.of(`${tensor.name}_zero_point`, 'int8', dims, new Int8Array(scales.length)),
    );
    const name = model.freshName(`${tensor.name}_dequantized`);
    this.add('DequantizeLinear', [integers, scale, zero], name, axis);
    const made = { name, scales };
    this.weights.set(key, made);
    return made;
  }

  private quantizedBias(node: Node, bias: Float32Array, activationScale: number, weightScales: Float32Array): string {
    const { model } = this;
    const label = node.inputs[2] || `${node.outputs[0]}_bias`;
    const scales = bias.map((_, c) => activationScale * weightScales[weightScales.length === 1 ? 0 : c]!);
    const integers = Int32Array.from(bias, (b, c) => roundEven(b / scales[c]!));
    const perChannel = weightScales.length > 1;
    const dims = perChannel ? [scales.length] : [];
    const used = perChannel ? scales : scales.slice(0, 1);
    const data = model.addInitializer(Tensor.of(`${label}_int32`, 'int32', [bias.length], integers));
    const scale = model.addInitializer(Tensor.of(`${label}_scale`, 'float32', dims, used));
    const name = model.freshName(`${label}_dequantized`);
    this.add('DequantizeLinear', [data, scale], name, perChannel ? 0 : undefined);
    return name;
  }

  /** Puts Q and DQ behind a result where an integer node takes it or the kernel needs it. */
  private rewriteOutput(node: Node, value: string): void {
    const row = STATIC_QUANTIZATION[node.type]!;
    const clamp = this.region.clamps.get(node);
    const consumers = (this.index.consumers.get(value) ?? []).filter((consumer) => consumer !== clamp);
    const integerTaken = consumers.some((consumer) => this.region.nodes.has(consumer));
    if (row.role === 'anchor' && !row.needsOutput && !integerTaken) return;
    const { graph } = this.model;
    const output = this.dequantize(value);
    const isOutput = this.index.outputs.has(value);
    for (const consumer of graph.nodes)
      if (!this.region.nodes.has(consumer) && consumer !== clamp)
        consumer.inputs = consumer.inputs.map((input) => (input === value ? output : input));
    this.replaceCaptures(consumers, value, output);
    if (isOutput) this.keepOutputName(value, output);
  }

  private replaceCaptures(consumers: readonly Node[], value: string, output: string): void {
    for (const consumer of consumers)
      for (const inner of consumer.subgraphs()) {
        inner.replaceUses(value, output);
        for (const info of inner.outputs) if (info.name === value) info.name = output;
      }
  }

  /** A graph output keeps its name: the dequantized value takes it, the raw one gets a new name. */
  private keepOutputName(value: string, output: string): void {
    const raw = this.model.freshName(`${value}_raw`);
    const rename = (from: string, to: string) => {
      for (const node of [...this.model.graph.nodes, ...this.added]) {
        node.inputs = node.inputs.map((input) => (input === from ? to : input));
        node.outputs = node.outputs.map((made) => (made === from ? to : made));
      }
    };
    rename(value, raw);
    rename(output, value);
    this.dequantized.set(value, value);
  }

  protected add(op: string, inputs: string[], output: string, axis?: number): void {
    const name = this.model.freshName(`${output}_${op}`);
    this.added.push(new Node({ op, name, inputs, outputs: [output], attributes: { axis } }));
  }
}

function quantizedConstant(tensor: Tensor, { scale, zeroPoint }: QuantParams): Tensor {
  const integers = Uint8Array.from(tensor.toFloats(), (v) =>
    Math.min(255, Math.max(0, roundEven(v / scale) + zeroPoint)),
  );
  return Tensor.of(`${tensor.name}_uint8`, 'uint8', tensor.dims, integers);
}

/** Weight scales from which a bias fits into int32 (ORT#25278: a tiny scale overflows it). */
function minimumScales(bias: Float32Array, activationScale: number, axis: number | undefined): Float32Array {
  const smallest = bias.map((b) => Math.abs(b) / (activationScale * (2 ** 31 - 1024)));
  return axis === undefined ? Float32Array.of(Math.max(...smallest)) : smallest;
}
