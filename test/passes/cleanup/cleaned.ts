import type { Graph } from '../../../src/ir/graph.js';
import type { Model } from '../../../src/ir/model.js';
import { parseModel } from '../../../src/onnx/text.js';
import { type Pass, type PassRecord, runPasses } from '../../../src/passes/pass.js';

/** A model in ONNX text after some passes. */
export interface Cleaned {
  model: Model;
  /** Its nodes as `outputs = operator(inputs)`. */
  lines: string[];
  records: PassRecord[];
  /** The numbers in a constant of the main graph. */
  numbers(name: string): number[] | undefined;
}

/** Runs passes on a graph in ONNX text, of operator set 17 where it does not say otherwise. */
export async function cleaned(text: string, ...passes: Pass[]): Promise<Cleaned> {
  const model = parseModel(text.startsWith('<') ? text : `<ir_version: 8, opset_import: ["": 17]> ${text}`);
  const records = await runPasses(model, passes);
  const numbers = (name: string) => {
    const tensor = model.constant(name);
    return tensor && [...tensor.toNumbers()];
  };
  return { model, lines: linesOf(model.graph), records, numbers };
}

function linesOf(graph: Graph): string[] {
  return graph.nodes.map((node) => `${node.outputs.join(', ')} = ${node.type}(${node.inputs.join(', ')})`);
}
