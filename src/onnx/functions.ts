import type { Model } from '../ir/model.js';
import type { FunctionProto, NodeProto } from './messages.js';

/** What a model-local function is written in. */
export interface FunctionLanguage {
  /** Version of the default operator set that the function names; undefined where it names none. */
  opset: number | undefined;
  /** Operators of the default domain in its body, subgraphs included. */
  operators: ReadonlySet<string>;
}

/** Reads the operators of one of the model's functions off its body, which the graph model leaves closed. */
export function functionLanguage(fn: Model['functions'][number]): FunctionLanguage {
  const proto = fn.origin as FunctionProto;
  const standard = proto.opset_import?.find((entry) => isDefaultDomain(entry.domain));
  const operators = new Set<string>();
  collectOperators(proto.node ?? [], operators);
  return { opset: standard?.version?.toNumber(), operators };
}

function collectOperators(nodes: readonly NodeProto[], found: Set<string>): void {
  for (const node of nodes) {
    if (isDefaultDomain(node.domain)) found.add(node.op_type ?? '');
    for (const attribute of node.attribute ?? [])
      for (const graph of [...(attribute.g ? [attribute.g] : []), ...(attribute.graphs ?? [])])
        collectOperators(graph.node ?? [], found);
  }
}

function isDefaultDomain(domain = ''): boolean {
  return domain === '' || domain === 'ai.onnx';
}
