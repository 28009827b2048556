import type { Graph, ValueInfo } from '../ir/graph.js';
import type { Node } from '../ir/node.js';

/** A value that a loop carries from step to step. */
export interface LoopState {
  /** What the body takes. */
  input: ValueInfo;
  /** Which of the node's inputs it begins with. */
  position: number;
  /** The value of the body that it becomes. */
  result: string;
  /** Which of the node's outputs is the last one. */
  output: number;
  /** True where every step hands it on as it is, as exporters do with weights. */
  isHandedOn: boolean;
}

/** What the body of a Loop or Scan takes and gives, and which inputs and outputs of the node that belongs to. */
export interface LoopLayout {
  body: Graph;
  /** What the body is told of the loop itself: the number of the step, and the condition. */
  counters: readonly ValueInfo[];
  states: readonly LoopState[];
  /** Slices of the node's inputs, one a step. */
  elements: readonly { input: ValueInfo; position: number }[];
  /** Values of the body that are put together to one output, one slice a step. */
  collected: readonly { result: string; output: number }[];
}

/** The layout of a Loop or Scan node (ONNX Loop-1, Scan-9); undefined for any other node. */
export function loopLayout(node: Node): LoopLayout | undefined {
  const body = node.attributes.get('body');
  if (body?.kind !== 'graph' || !(node.type === 'Loop' || node.type === 'Scan')) return undefined;
  const { inputs, outputs } = body.value;
  const { producer } = body.value.index();
  // A Loop has the trip count and the condition before its states, and the body gives the next condition first.
  const [counters, conditions] = node.type === 'Loop' ? [2, 1] : [0, 0];
  const elements = node.int('num_scan_inputs', 0);
  const count = inputs.length - counters - elements;
  const states = inputs.slice(counters, counters + count);
  return {
    body: body.value,
    counters: inputs.slice(0, counters),
    states: states.map((input, k) => ({
      input,
      position: counters + k,
      result: outputs[conditions + k]!.name,
      output: k,
      isHandedOn: sourceOf(outputs[conditions + k]!.name, producer) === input.name,
    })),
    elements: inputs.slice(counters + count).map((input, k) => ({ input, position: count + k })),
    collected: outputs.slice(conditions + count).map(({ name }, k) => ({ result: name, output: count + k })),
  };
}

/** The value that another is but for Identity nodes. */
function sourceOf(name: string, producer: ReadonlyMap<string, Node>): string {
  const node = producer.get(name);
  return node?.type === 'Identity' ? sourceOf(node.inputs[0]!, producer) : name;
}
