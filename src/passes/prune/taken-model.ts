import type { ChannelConsumer, ChannelGroup, ChannelMember } from '../../analysis/channel-groups.js';
import type { ValueFacts } from '../../analysis/value-types.js';
import { Emitter } from '../../ir/emitter.js';
import type { Model } from '../../ir/model.js';
import { Tensor } from '../../ir/tensor.js';
import { removeDeadNodes } from '../cleanup/remove-dead-nodes.js';
import { runPasses } from '../pass.js';
import type { CalibrationBatches } from '../quantize/calibrate.js';
import { asFloat, positionsOf, raiseForSums, rowsOf } from './moments-model.js';
import { planRefit, type RefitLayer, type Target } from './refit-layers.js';
import type { TakenNames, TargetNames } from './sums-protocol.js';
import { typicalFacts } from './typical-facts.js';

/**
 * A model whose outputs are moments of what layers take of the channels of groups and, where that is asked for, of what
 * they shall give. Left out are layers for which the channels lie on an axis together with the batch.
 */
export async function takenModel(
  original: Model,
  groups: readonly ChannelGroup[],
  batches: CalibrationBatches,
  { targets }: { targets: boolean },
): Promise<{ model: Model; taken: Map<ChannelConsumer, TakenNames> }> {
  const facts = await typicalFacts(original, batches);
  const weights = groups.flatMap(({ consumers }) => consumers.flatMap(({ weight }) => (weight ? [weight.value] : [])));
  const { layers } = planRefit(original, { weights: new Set(weights), values: new Set() }, facts);
  const model = original.clone();
  await raiseForSums(model);
  const site = new TakenSite(new Emitter(model, 'taken'), facts);
  const taken = new Map<ChannelConsumer, TakenNames>();
  for (const group of groups)
    for (const consumer of group.consumers) {
      const { node, weight, data } = consumer;
      if (data.isCyclic) continue;
      const layer = layers.find((one) => one.node === node && node.inputs[one.map.weight] === weight?.value);
      taken.set(consumer, {
        ...site.inputs(group, consumer),
        isCentred: layer?.bias !== undefined,
        target: targets && layer?.target ? site.target(layer, layer.target) : undefined,
      });
    }
  model.graph.outputs = [...site.outputs].map((name) => ({ name }));
  model.graph.valueInfos.clear();
  await runPasses(model, [removeDeadNodes]);
  return { model, taken };
}

/** Writes moments, those of one value once. */
class TakenSite {
  readonly outputs = new Set<string>();
  private readonly known = new Map<string, Pick<TakenNames, 'count' | 'xx' | 'x' | 'width'>>();

  constructor(
    private readonly g: Emitter,
    private readonly facts: ReadonlyMap<string, ValueFacts>,
  ) {}

  inputs(group: ChannelGroup, consumer: ChannelConsumer): Pick<TakenNames, 'count' | 'xx' | 'x' | 'width'> {
    const width = widthOf(group, consumer);
    const { value, axis } = consumer.data;
    const key = [value, axis, width, group.name].join(' ');
    const names = this.known.get(key) ?? { ...this.moments(value, consumer.data, group.size * width), width };
    this.known.set(key, names);
    return names;
  }

  private moments(value: string, member: ChannelMember, elements: number): { count: string; xx: string; x: string } {
    const { g } = this;
    const facts = this.facts.get(value);
    const rows = channelsFirst(g, asFloat(g, value, facts), facts!.dims!.length, member);
    const x = g.reshape(rows, [1, elements, -1]);
    const xx = g.op('com.microsoft.FusedMatMul', [x, x], { transB: 1 });
    return this.noted({ count: positionsOf(g, x), xx, x: g.sum(x, [2], false) });
  }

  target(layer: RefitLayer, target: Target): TargetNames {
    const { g } = this;
    const t = rowsOf(g, layer, target, target.value, this.facts);
    return this.noted({ count: positionsOf(g, t), t: g.sum(t, [2], false), tt: g.sum(g.mul(t, t), [2], false) });
  }

  private noted<Names extends Record<string, string>>(names: Names): Names {
    for (const name of Object.values(names)) this.outputs.add(name);
    return names;
  }
}

/** A value with the elements of one channel after another on its first axis. */
export function channelsFirst(g: Emitter, value: string, rank: number, { axis, size, indices }: ChannelMember): string {
  const perm = [axis, ...Array.from({ length: rank }, (_, k) => k).filter((k) => k !== axis)];
  const turned = g.transpose(value, perm);
  if (indices.length === size && indices.every((index, k) => index === k)) return turned;
  return g.op('Gather', [turned, g.constant(Tensor.from('channels', 'int64', [indices.length], indices))], { axis: 0 });
}

/** Elements of a channel and of all channels above which elements count as samples of their channel. */
const MOST_CHANNELS = 64;
const MOST_ELEMENTS = 1024;

/** How many elements of each channel are told apart: those of a head, but not the pixels of a feature map. */
export function widthOf({ size }: ChannelGroup, { data, weight }: ChannelConsumer): number {
  const width = data.perChannel;
  const isLarge = size > MOST_CHANNELS || size * width > MOST_ELEMENTS;
  return isLarge || (weight && weight.perChannel !== width) ? 1 : width;
}
