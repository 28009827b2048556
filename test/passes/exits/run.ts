import { checkModel } from '../../../src/ir/check.js';
import { Emitter } from '../../../src/ir/emitter.js';
import { Model } from '../../../src/ir/model.js';
import type { DataType, NamedValues } from '../../../src/ir/types.js';
import { parseModel } from '../../../src/onnx/text.js';
import { encodeModel } from '../../../src/onnx/write.js';
import { Session } from '../../../src/runtime/session.js';

/** A model in operator set 18 from its graph. */
export const parse = (graph: string, opset = 18) =>
  parseModel(`<ir_version: 8, opset_import: ["": ${opset}, "com.microsoft": 1]> ${graph}`);

/** Checks a model and runs it. */
export async function run(model: Model, feeds: NamedValues): Promise<NamedValues> {
  checkModel(model);
  const session = await Session.create(encodeModel(model), { threads: 1 });
  try {
    return await session.run(feeds);
  } finally {
    await session.release();
  }
}

/** Numbers of an output. */
export const numbers = (values: NamedValues, name: string): number[] =>
  Array.from(values[name]!.data as Float32Array, (value) => Number(value));

/** What emitted nodes make of one input. */
export async function emitted(
  emit: (g: Emitter) => string,
  dims: readonly number[],
  data: readonly number[],
  type: DataType = 'float32',
): Promise<{ dims: readonly number[]; values: number[] }> {
  const model = new Model();
  model.opsets.set('', 18);
  model.graph.name = 'emitted';
  model.graph.inputs = [{ name: 'x', type: { kind: 'tensor', elem: type, shape: dims } }];
  const name = emit(new Emitter(model, 'test'));
  model.graph.outputs = [{ name }];
  const values = type === 'uint8' ? Uint8Array.from(data) : Float32Array.from(data);
  const results = await run(model, { x: { type, dims, data: values } });
  return { dims: results[name]!.dims, values: numbers(results, name) };
}
