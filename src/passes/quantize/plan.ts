import type { Graph, ValueInfo } from '../../ir/graph.js';
import type { Model } from '../../ir/model.js';
import type { Node } from '../../ir/node.js';
import type { Tensor } from '../../ir/tensor.js';
import { loopLayout } from '../../ops/loops.js';

/**
 * What is done to a node that holds weights:
 * - `static`: integer kernel, activation ranges from calibration;
 * - `dynamic`: integer kernel, activation ranges computed at run time;
 * - `int8-storage`, `int4`, `fp16-storage`: smaller weights, float arithmetic (or the 4-bit kernel);
 * - `fp16`: float16 weights and arithmetic, as in all of the model that the plan does not put to `float`;
 * - `float`: left as it is.
 */
export type Treatment = 'static' | 'dynamic' | 'int8-storage' | 'int4' | 'fp16-storage' | 'fp16' | 'float';

/** Kinds of nodes that hold weights; what suits one node of a family tends to suit all. */
export type Family = 'conv' | 'depthwise' | 'dense' | 'attention' | 'recurrent' | 'embedding' | 'other';

/** A node whose weights could be made smaller. */
export interface Candidate {
  node: Node;
  /** The node's first output: the same in every copy of the model. */
  key: string;
  family: Family;
  /** What can be done to it, best-suited first; `float` is always possible. */
  treatments: readonly Treatment[];
  /** Why it has no integer kernel, where it has none. */
  reason?: string;
  /** Number of weights. */
  weights: number;
}

/** Treatments by candidate key. A key that is missing means `float`. */
export type Plan = ReadonlyMap<string, Treatment>;

/** What a row may look at. */
interface Context {
  constant(name: string | undefined): Tensor | undefined;
}

type Classification = Omit<Candidate, 'node' | 'key' | 'weights'> & { weight: Tensor | undefined };
type Row = (node: Node, context: Context) => Classification | string | undefined;

const storage = (family: Family, weight: Tensor, reason: string): Classification => ({
  family,
  weight,
  treatments: ['int8-storage', 'fp16-storage'],
  reason,
});

/** How each operator with weights can be treated; a string says why it cannot. */
const ROWS: Readonly<Record<string, Row>> = {
  Conv(node, { constant }) {
    const weight = constant(node.inputs[1]);
    if (!weight) return 'its weight is not constant';
    if (node.inputs[2] && !constant(node.inputs[2])) return 'its bias is not constant';
    const depthwise = node.int('group', 1) > 1 && weight.dims[1] === 1;
    return { family: depthwise ? 'depthwise' : 'conv', weight, treatments: ['static', 'int8-storage', 'fp16-storage'] };
  },
  Gemm(node, { constant }) {
    const weight = constant(node.inputs[1]);
    if (!weight) return 'its weight is not constant';
    if (node.inputs[2] && !constant(node.inputs[2])) return 'its bias is not constant';
    const bias = constant(node.inputs[2]);
    const columns = weight.dims[node.int('transB', 0) ? 0 : 1];
    if (bias && bias.size !== 1 && bias.size !== columns) return 'its bias is a matrix';
    if (node.int('transA', 0)) return 'its activation is transposed';
    if (node.float('alpha', 1) !== 1 || node.float('beta', 1) !== 1) return 'alpha or beta is not 1';
    return { family: 'dense', weight, treatments: ['static', 'dynamic', 'int4', 'int8-storage', 'fp16-storage'] };
  },
  MatMul(node, { constant }) {
    const weight = constant(node.inputs[1]);
    if (constant(node.inputs[0])) return 'its left side is constant';
    if (!weight) return { family: 'attention', weight: undefined, treatments: ['static'] };
    if (weight.dims.length !== 2) return storage('dense', weight, 'its weight is no matrix');
    return { family: 'dense', weight, treatments: ['static', 'dynamic', 'int4', 'int8-storage', 'fp16-storage'] };
  },
  LSTM(node, { constant }) {
    const weight = constant(node.inputs[1]);
    const recurrence = constant(node.inputs[2]);
    if (!weight || !recurrence) return 'its weights are not constant';
    if (node.int('layout', 0))
      return storage('recurrent', weight, 'the integer LSTM kernel knows no batch-first layout');
    if (node.int('input_forget', 0))
      return storage('recurrent', weight, 'the integer LSTM kernel knows no coupled gates');
    return { family: 'recurrent', weight, treatments: ['dynamic', 'int8-storage', 'fp16-storage'] };
  },
  GRU: recurrentStorage('ONNX Runtime has no integer GRU kernel'),
  RNN: recurrentStorage('ONNX Runtime has no integer RNN kernel'),
  Loop(node, { constant }) {
    const [weight] = loopWeights(node).map((input) => constant(node.inputs[input]));
    return weight && storage('recurrent', weight, 'ONNX Runtime has no integer kernel of a loop');
  },
  ConvTranspose(node, { constant }) {
    const weight = constant(node.inputs[1]);
    return weight ? storage('other', weight, 'ONNX Runtime has no integer ConvTranspose kernel') : undefined;
  },
  Gather(node, { constant }) {
    const table = constant(node.inputs[0]);
    if (table?.type !== 'float32' || table.dims.length !== 2) return undefined;
    if (node.int('axis', 0) !== 0) return storage('embedding', table, 'it does not pick rows');
    return { family: 'embedding', weight: table, treatments: ['int8-storage', 'fp16-storage'] };
  },
};

function recurrentStorage(reason: string): Row {
  return (node, { constant }) => {
    const weight = constant(node.inputs[1]);
    return weight ? storage('recurrent', weight, reason) : 'its weights are not constant';
  };
}

/** The inputs of a Loop that may be weights: matrices that every step hands on, and takes as they are. */
export function loopWeights(node: Node): number[] {
  const isMatrix = ({ type }: ValueInfo) =>
    type?.kind === 'tensor' && type.elem === 'float32' && type.shape?.length === 2;
  const states = loopLayout(node)?.states ?? [];
  return states.filter(({ input, isHandedOn }) => isHandedOn && isMatrix(input)).map(({ position }) => position);
}

/** The name that a node bears in every copy of a model: that of its first output. */
export function keyOf(node: Node): string {
  return node.outputs.find(Boolean) ?? node.name;
}

/** Nodes that hold weights, with what can be done to each. */
export interface Survey {
  candidates: Candidate[];
  /** Nodes of these operators that cannot be treated, with the reason. */
  refused: { node: Node; reason: string }[];
}

/** Finds every node of the main graph whose weights could be made smaller. */
export function surveyModel(model: Model): Survey {
  const survey: Survey = { candidates: [], refused: [] };
  const context: Context = { constant: (name) => (name ? model.graph.initializers.get(name) : undefined) };
  for (const node of model.graph.nodes) {
    const found = ROWS[node.type]?.(node, context);
    if (typeof found === 'string') survey.refused.push({ node, reason: found });
    else if (found?.weight && found.weight.type !== 'float32')
      survey.refused.push({ node, reason: `its weight is ${found.weight.type}, not float32` });
    else if (found) {
      const { weight, ...rest } = found;
      const treatments = [...rest.treatments, 'fp16'] as const;
      survey.candidates.push({ ...rest, treatments, node, key: keyOf(node), weights: weight?.size ?? 0 });
    }
  }
  const functions = new Set(model.functions.map(({ domain, name }) => `${domain}.${name}`));
  for (const node of model.graph.nodes)
    if (functions.has(node.type) && node.inputs.some(context.constant))
      survey.refused.push({ node, reason: 'it is a function of the model, whose body stays as it is' });
  const holds = (graph: Graph, name: string) => graph.initializers.has(name) || context.constant(name) !== undefined;
  for (const graph of model.graph.walk())
    if (graph !== model.graph)
      for (const node of graph.nodes)
        if (ROWS[node.type] && node.inputs.some((name) => holds(graph, name)))
          survey.refused.push({ node, reason: 'it lies inside a branch or a loop body' });
  return survey;
}
