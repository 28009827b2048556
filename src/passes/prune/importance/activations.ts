import type { ChannelGroup, ChannelMember } from '../../../analysis/channel-groups.js';
import { Emitter } from '../../../ir/emitter.js';
import { removeDeadNodes } from '../../cleanup/remove-dead-nodes.js';
import { runPasses } from '../../pass.js';
import { asFloat, raiseForSums } from '../moments-model.js';
import { SumsThread } from '../sums-thread.js';
import { added, type Criterion, type ImportanceSite, perChannel } from './criterion.js';

/** The values along which the channels of groups are taken by layers, once each. */
function takenValues({ found }: ImportanceSite): ChannelMember[] {
  const members = found.groups.flatMap(({ consumers }) => consumers.map(({ data }) => data));
  return [...new Set(members)].filter(({ isCyclic }) => !isCyclic);
}

/** A number per element. */
type Measure = (g: Emitter, value: string) => string;

/** The mean over positions of a number per element, for each index of the axis that channels lie on. */
async function meansOf(site: ImportanceSite, measure: Measure): Promise<Map<ChannelMember, Float64Array>> {
  const members = takenValues(site);
  const model = site.model.clone();
  await raiseForSums(model);
  const g = new Emitter(model, 'importance');
  const names = members.flatMap(({ value, axis, size }) => {
    const facts = site.found.facts.get(value);
    const others = facts!.dims!.flatMap((_, k) => (k === axis ? [] : [k]));
    const count = g.div(g.reshape(g.op('Size', [value]), [1]), g.ints([size]));
    return [g.sum(measure(g, asFloat(g, value, facts)), others, false), count];
  });
  model.graph.outputs = names.map((name) => ({ name }));
  model.graph.valueInfos.clear();
  await runPasses(model, [removeDeadNodes]);
  const thread = new SumsThread();
  try {
    const sums = await thread.collect(model, site, () => thread.call('sums', names));
    return new Map(members.map((member, k) => [member, sums[2 * k]!.map((sum) => sum / sums[2 * k + 1]![0]!)]));
  } finally {
    await thread.close();
  }
}

/** The sum of such means over all layers that take a channel. */
const mean = (description: string, measure: Measure): Criterion => ({
  description,
  async measure(site) {
    const means = await meansOf(site, measure);
    const importance = new Map<ChannelGroup, Float64Array>();
    for (const group of site.found.groups) {
      const known = group.consumers.filter(({ data }) => means.has(data));
      const lists = known.map(({ data }) => perChannel(data, means.get(data)!));
      if (lists.length) importance.set(group, added(lists, group.size));
    }
    return importance;
  },
});

export const activation = mean('mean absolute value of a channel on the calibration samples', (g, value) =>
  g.op('Abs', [value]),
);

export const zeros = mean(
  'how often a channel is not zero on the calibration samples (APoZ: Hu et al. 2016)',
  (g, value) => g.cast(g.op('Not', [g.op('Equal', [value, 0])]), 1),
);
