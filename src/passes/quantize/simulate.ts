import { Emitter } from '../../ir/emitter.js';
import type { Model } from '../../ir/model.js';
import type { Node } from '../../ir/node.js';
import { Tensor } from '../../ir/tensor.js';
import type { StaticRow } from '../../ops/quantization.js';
import { upgradeOpset } from '../opset-upgrade/upgrade-opset.js';
import { runPasses } from '../pass.js';
import {
  type ModelFacts,
  type RoundedWeight,
  roundedWeights,
  type Settings,
  staticOptions,
  staticRegion,
} from './apply.js';
import type { ValueStatistics } from './calibrate.js';
import { MIN_SCALE, type QuantParams, type Range, uint8Range } from './integers.js';
import type { Plan } from './plan.js';
import { QdqWriter } from './static.js';

/** The scale of an activation that training may change. */
export interface LearnedRange {
  /** Initializer with the logarithm of what the scale is multiplied by, 0 at first. */
  name: string;
  /** The value that has the range. */
  value: string;
  /** Scale and zero point before training. */
  params: QuantParams;
  /** Largest scale whose range lies within the bounds of the clamp before it, which otherwise would not vanish. */
  limit: number;
}

/** The scale that a learned logarithm stands for. */
function learnedScale({ params, limit }: LearnedRange, logarithm: number): number {
  return Math.min(Math.fround(params.scale * Math.exp(logarithm)), limit);
}

/** What is known of a model once the ranges of its simulation were trained. */
export function withLearnedRanges(
  facts: ModelFacts,
  ranges: readonly LearnedRange[],
  trained: ReadonlyMap<string, Tensor>,
  { symmetric }: Settings,
): ModelFacts {
  const learned = ranges.map((range): [string, Range] => {
    const scale = learnedScale(range, trained.get(range.name)?.toFloats()[0] ?? 0);
    return [range.value, uint8Range({ ...range.params, scale }, symmetric)];
  });
  return { ...facts, statistics: new Map<string, ValueStatistics>([...facts.statistics, ...learned]) };
}

/** A float model that computes what its quantized form would. */
export interface SimulatedModel {
  model: Model;
  ranges: readonly LearnedRange[];
  /** Weights that are rounded. */
  rounded: number;
}

/** The operator set that has everything that is written here. */
const OPSET = 18;

/**
 * Carries out a plan by fake quantization (Jacob et al. 2018, section 3): nodes and weights stay in float, and
 * QuantizeLinear with DequantizeLinear behind it rounds what will be integers. The scales of activations are what
 * calibration found times the exponential of an initializer; those of weights follow the largest weight, as they do
 * when the model is quantized. Rounding that is not known beforehand (activations of dynamically quantized nodes) or is
 * too fine to matter (biases, embeddings) is left out.
 */
export async function simulatePlan(
  base: Model,
  plan: Plan,
  facts: ModelFacts,
  settings: Settings,
): Promise<SimulatedModel> {
  const model = base.clone();
  if (model.opset < OPSET) await runPasses(model, [upgradeOpset(OPSET)]);
  const weights = roundedWeights(model, plan, settings);
  const writer = new FakeQuantizer(model, staticRegion(model, plan, facts), staticOptions(facts, settings));
  for (const { node, input, ...how } of weights)
    node.inputs[input] = writer.roundWeight(model.graph.initializers.get(node.inputs[input]!)!, how);
  writer.run();
  return { model, ranges: writer.ranges, rounded: writer.rounded.size };
}

/** Rounds what `QdqWriter` makes integers of. */
class FakeQuantizer extends QdqWriter {
  readonly ranges: LearnedRange[] = [];
  private readonly g = new Emitter(this.model, 'fake', this.added);
  private readonly scales = new Map<string, string>();
  readonly rounded = new Map<string, string>();

  /** The scale of a value; values that share a range share it. */
  protected override scaleOf(value: string, params: QuantParams): string {
    const owner = this.ownerOf(value);
    const known = this.scales.get(owner);
    if (known) return known;
    const start = super.scaleOf(owner, params);
    const scale = this.isCalibrated(owner) ? this.learned(start, owner, params) : start;
    this.scales.set(owner, scale);
    return scale;
  }

  private learned(start: string, value: string, params: QuantParams): string {
    const name = this.model.addInitializer(Tensor.from(`${value}_log_scale`, 'float32', [1], [0]));
    const limit = Math.max(params.scale, this.largestScale(value, params.zeroPoint));
    this.ranges.push({ name, value, params, limit });
    const scale = this.g.mul(start, this.g.op('Exp', [this.g.reshape(name, [])]));
    return Number.isFinite(limit) ? this.g.op('Min', [scale, limit]) : scale;
  }

  private largestScale(value: string, zeroPoint: number): number {
    const clamp = this.clampOf(value);
    if (clamp?.type !== 'Clip') return Number.POSITIVE_INFINITY;
    const bound = (place: number, steps: number) => {
      const constant = this.model.graph.initializers.get(clamp.inputs[place] ?? '')?.toNumbers()[0];
      return constant === undefined || !steps ? Number.POSITIVE_INFINITY : Math.fround(constant / steps);
    };
    return Math.min(bound(1, -zeroPoint), bound(2, 255 - zeroPoint));
  }

  protected override rewriteWeight(
    node: Node,
    _row: StaticRow,
    constant: Tensor,
    weight: NonNullable<StaticRow['weight']>,
  ): void {
    const { perChannel, weightLimit } = this.options;
    const axis = perChannel ? weight.axis(node, constant.dims.length) : undefined;
    node.inputs[weight.input] = this.roundWeight(constant, { axis, limit: weightLimit });
  }

  /** A weight rounded to multiples of its largest magnitude over `limit`. */
  roundWeight({ name, dims }: Tensor, how: Pick<RoundedWeight, 'axis' | 'limit' | 'rows'>): string {
    const key = `${name} ${how.axis} ${how.limit} ${how.rows}`;
    const known = this.rounded.get(key);
    if (known) return known;
    const { g } = this;
    const { rows } = how;
    const result = rows
      ? g.reshape(this.round(g.reshape(name, [rows, -1]), [rows, 0], { ...how, axis: 0 }), dims)
      : this.round(name, dims, how);
    this.rounded.set(key, result);
    return result;
  }

  private round(weight: string, dims: readonly number[], how: Pick<RoundedWeight, 'axis' | 'limit'>): string {
    const { g } = this;
    const { axis, limit } = how;
    const others = dims.flatMap((_, k) => (k === axis ? [] : [k]));
    const bound = g.op('ReduceMax', [g.op('Abs', [weight]), g.ints(others)], { keepdims: 0, noop_with_empty_axes: 1 });
    const scale = g.op('Max', [g.div(bound, limit), MIN_SCALE]);
    const slices = axis === undefined ? [] : [dims[axis]!];
    const zero = g.constantOf('int8', slices, new Array(slices[0] ?? 1).fill(0));
    return g.op('DequantizeLinear', [g.op('QuantizeLinear', [weight, scale, zero], { axis }), scale, zero], { axis });
  }
}
