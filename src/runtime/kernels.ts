import { join } from 'node:path';
import { inTemporaryFolder } from '../files.js';
import type { Model } from '../ir/model.js';
import { readModel } from '../onnx/read.js';
import type { SessionOptions } from './protocol.js';
import { Session } from './session.js';

/**
 * The graph that ONNX Runtime really runs, after its own fusions.
 * @param model bytes or path of the model.
 */
export function optimizedGraph(model: Uint8Array | string, options: SessionOptions = {}): Promise<Model> {
  return inTemporaryFolder(async (folder) => {
    const path = join(folder, 'optimized.onnx');
    const session = await Session.create(model, { ...options, optimizedModelPath: path });
    await session.release();
    return readModel(path);
  });
}

/** How often each operator stands in a model's main graph, by table key. */
export function countOperators(model: Model): Record<string, number> {
  const counts: Record<string, number> = {};
  for (const graph of model.graph.walk())
    for (const node of graph.nodes) counts[node.type] = (counts[node.type] ?? 0) + 1;
  return counts;
}

/** Operators that compute on integers (or on 4-bit weights) in ONNX Runtime's CPU provider. */
const INTEGER_KERNEL =
  /(^|\.)(QLinear\w+|QGemm|QAttention|MatMulInteger(ToFloat)?|ConvInteger|DynamicQuantizeMatMul|DynamicQuantizeLSTM|MatMulNBits|QMoE)$/;

/** Of operator counts, those that are integer kernels. */
export function integerKernels(counts: Readonly<Record<string, number>>): Record<string, number> {
  return Object.fromEntries(Object.entries(counts).filter(([type]) => INTEGER_KERNEL.test(type)));
}
