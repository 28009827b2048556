import { sumOf } from '../group.js';
import { Emitter } from '../ir/emitter.js';
import type { ValueInfo } from '../ir/graph.js';
import type { Model } from '../ir/model.js';
import { isFloat } from '../ir/types.js';
import { gradientRow, stopsGradients } from '../ops/gradients/table.js';
import { findObstacles, type Obstacle } from './differentiate.js';
import { prepareForTraining } from './prepare.js';

/** What of a model can be trained. */
export interface GradientSurvey {
  /** Elements of the parameters. */
  parameters: number;
  /** Tensors that hold them. */
  tensors: number;
  /** Operators of the model as it is prepared for training, and whether gradients pass through them. */
  operators: { type: string; nodes: number; gradient: 'yes' | 'no' | 'ends here' }[];
  /** Nodes that gradients cannot pass on their way from an output to a parameter. */
  obstacles: { node: string; type: string; reason: string }[];
}

/**
 * Finds out what of a model can be trained, by differentiating its float outputs.
 * @param of the outputs to look at; all of them where absent.
 * @throws UserError where it has nothing to train
 */
export async function surveyGradients(original: Model, of?: readonly string[]): Promise<GradientSurvey> {
  const { model, parameters, facts } = await prepareForTraining(original);
  const counts = new Map<string, number>();
  for (const { type } of model.graph.nodes) counts.set(type, (counts.get(type) ?? 0) + 1);
  const one = new Emitter(model, 'survey').scalar(1);
  const outputs = model.graph.outputs.filter(
    ({ name }) => (of?.includes(name) ?? true) && isFloat(facts.get(name)?.type ?? 'float32'),
  );
  const { obstacles, reached } = findObstacles(
    model,
    new Map(outputs.map(({ name }) => [name, one])),
    parameters.map(({ name }) => name),
    { facts },
  );
  return {
    parameters: sumOf(parameters, ({ tensor }) => tensor.size),
    tensors: parameters.length,
    operators: [...counts].map(([type, nodes]) => ({
      type,
      nodes,
      gradient: stopsGradients(type) ? 'ends here' : gradientRow(type) ? 'yes' : 'no',
    })),
    obstacles: (obstacles.length || reached.length ? obstacles : dead(model, outputs)).map(({ node, reason }) => ({
      ...{ node: node.label, type: node.type, reason },
    })),
  };
}

/** What gives outputs that no weight moves. */
function dead({ graph }: Model, outputs: readonly ValueInfo[]): Obstacle[] {
  const { producer } = graph.index();
  const reason = 'no gradient gets from here to a weight';
  return outputs.flatMap(({ name }) => {
    const node = producer.get(name);
    return node ? [{ node, reason }] : [];
  });
}
