import type { ValueFacts } from '../analysis/value-types.js';
import { Emitter } from '../ir/emitter.js';
import type { Graph } from '../ir/graph.js';
import type { Model } from '../ir/model.js';
import { peakActivationBytes } from './memory.js';
import { type RecomputeOptions, recomputeForward } from './recompute.js';

/** A step graph with its outputs. */
export interface FinishedStep {
  model: Model;
  /** Outputs that hold the gradients, by parameter. */
  outputs: ReadonlyMap<string, string>;
  /** Types and shapes of values that the model itself does not tell. */
  sizes?: ReadonlyMap<string, ValueFacts>;
}

/**
 * Makes outputs of the loss and of gradients, each under a name of its own.
 * @param gradients values that hold them, by parameter, in the order of the layers.
 */
export function finish(model: Model, gradients: ReadonlyMap<string, string>, loss: string): FinishedStep {
  const g = new Emitter(model, 'output');
  const outputs = new Map([...gradients].map(([name, gradient]) => [name, g.op('Identity', [gradient])]));
  gradientsLast(model.graph, outputs.values());
  model.graph.outputs = [loss, ...outputs.values()].map((name) => ({
    name,
    type: { kind: 'tensor', elem: 'float32' },
  }));
  return { model, outputs };
}

/**
 * Moves the nodes that gradients end with to the end of a graph, those of the last layer at the very end. ONNX Runtime
 * orders nodes by going back from the last node without successors, then from the one before it, and so on: this way the
 * gradients of each layer are computed as soon as they can be, and what they are computed from is freed.
 * @param outputs gradients in the order of the layers.
 */
function gradientsLast(graph: Graph, outputs: Iterable<string>): void {
  const { producer, consumers } = graph.index();
  const last = [...outputs].flatMap((output) => {
    const copy = producer.get(output)!;
    const source = producer.get(copy.inputs[0]!);
    return source && consumers.get(copy.inputs[0]!)?.length === 1 && source.outputs.length === 1
      ? [source, copy]
      : [copy];
  });
  const moved = new Set(last);
  graph.nodes = [...graph.nodes.filter((node) => !moved.has(node)), ...last];
}

/** Share of the memory without recomputation above which that is not worth its time. */
const WORTHWHILE = 0.9;

/** The same for the graph that computes again what it would have to keep, where that saves memory. */
export async function finishRecomputed(
  model: Model,
  gradients: ReadonlyMap<string, string>,
  options: RecomputeOptions,
): Promise<FinishedStep> {
  const { loss, typical } = options;
  const again = await recomputeForward(model, options);
  const kept = finish(model, gradients, loss);
  if (!again) return kept;
  const recomputed = { ...finish(again.model, gradients, loss), sizes: again.facts };
  const peak = ({ model, sizes }: FinishedStep) => peakActivationBytes(model, typical, sizes);
  return (await peak(recomputed)) < WORTHWHILE * (await peak(kept)) ? recomputed : kept;
}
