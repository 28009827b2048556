import type { ChannelGroup } from '../analysis/channel-groups.js';
import { UserError } from '../errors.js';
import { Emitter } from '../ir/emitter.js';
import type { NamedValues } from '../ir/types.js';
import type { Criterion, Importance, ImportanceSite } from '../passes/prune/importance/criterion.js';
import { SumsThread } from '../passes/prune/sums-thread.js';
import { batchSize } from '../runtime/pool.js';
import { withGates } from './channel-gates.js';
import { makeTrainable } from './prepare.js';
import { buildStepGraph, type Objective } from './step-graph.js';

/** What is added up of the gradient by the gates of channels. */
type Measure = (g: Emitter, gradient: string) => string;

/**
 * Importance by the gradient of a loss by gates (`withGates`). All that a channel goes into counts together, as channels
 * of a group go together.
 * @param description what it looks at, in a line.
 */
const byGradient =
  (description: string, measure: Measure) =>
  /** @param objective the loss of the site's batches, each of which counts as one sample. */
  (objective: Objective): Criterion => ({
    description,
    isAbsolute: true,
    measure: (site) => meansOf(site, objective, measure),
  });

/** Criteria that need gradients of a loss, by name. */
export const GRADIENT_CRITERIA = {
  taylor: byGradient(
    'how much the loss of a sample changes without a channel, to first order (Molchanov et al. 2019)',
    (g, gradient) => g.op('Abs', [gradient]),
  ),
  fisher: byGradient(
    'the square of that change: the Fisher information of a factor of the channel (Theis et al. 2018, Liu et al. 2021)',
    (g, gradient) => g.mul(gradient, gradient),
  ),
} satisfies Record<string, (objective: Objective) => Criterion>;

/** The mean over batches; of groups that the loss depends on, where it is finite. */
async function meansOf(site: ImportanceSite, objective: Objective, measure: Measure): Promise<Importance> {
  const { gates, step } = await gateGradients(site, objective, await firstOf(site.batches()));
  if (!step) return new Map();
  const { model, parameters } = step;
  const g = new Emitter(model, 'importance');
  const measures = new Map(parameters.map(({ name, gradient }) => [name, measure(g, gradient)]));
  const { graph } = model;
  graph.outputs = [...measures.values()].map((name) => ({ name, type: { kind: 'tensor', elem: 'float32' } }));
  graph.inputs = graph.inputs.filter(({ name }) => !measures.has(name));
  for (const { name, tensor } of parameters) graph.initializers.set(name, tensor);
  const thread = new SumsThread();
  try {
    const sums = await thread.collect(model, site, () => thread.call('sums', [...measures.values()]));
    const found = new Map([...measures.keys()].map((name, k) => [name, sums[k]!.map((sum) => sum / thread.batches)]));
    const importance = new Map<ChannelGroup, Float64Array>();
    for (const [group, { name }] of gates) {
      const means = found.get(name);
      if (means?.every(Number.isFinite)) importance.set(group, means);
    }
    return importance;
  } finally {
    await thread.close();
  }
}

/** The gradient of the loss by gates; no graph where no channel passes one. */
async function gateGradients({ model, found, session }: ImportanceSite, objective: Objective, typical: NamedValues) {
  try {
    const { model: gated, gates } = withGates(model, found.groups, found.facts);
    if (!gates.size) return { gates, step: undefined };
    const trainable = await makeTrainable(gated, [...gates.values()]);
    const provider = session?.provider ?? 'cpu';
    return { gates, step: await buildStepGraph(trainable, { objective, typical, rows: batchSize(typical), provider }) };
  } catch (error) {
    if (!(error instanceof UserError)) throw error;
    throw new UserError(`gradients are needed: ${error.what}`, {
      file: '--importance',
      mend: 'take another one, such as reconstruction',
    });
  }
}

async function firstOf(batches: AsyncIterable<NamedValues>): Promise<NamedValues> {
  for await (const batch of batches) return batch;
  throw new RangeError('there are no batches');
}
