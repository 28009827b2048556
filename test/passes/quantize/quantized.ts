import type { Model } from '../../../src/ir/model.js';
import { Tensor } from '../../../src/ir/tensor.js';
import type { NamedValues } from '../../../src/ir/types.js';
import { parseModel } from '../../../src/onnx/text.js';
import { encodeModel } from '../../../src/onnx/write.js';
import { applyPlan, calibratedValues, type Settings } from '../../../src/passes/quantize/apply.js';
import { collectStatistics, type ValueStatistics } from '../../../src/passes/quantize/calibrate.js';
import { type PreparedModel, prepareForQuantization } from '../../../src/passes/quantize/index.js';
import type { Treatment } from '../../../src/passes/quantize/plan.js';
import { seededRandom } from '../../../src/random.js';
import { Session } from '../../../src/runtime/session.js';

export const SETTINGS: Settings = {
  calibrationMethod: 'minmax',
  perChannel: true,
  symmetric: false,
  reduceRange: false,
  blockSize: 16,
};

/**
 * A graph in ONNX text, of operator set 17 where it does not say otherwise. Its inputs `w`, `b`, `w1`, `b1`, … stand for
 * weights and biases and become constants of seeded noise.
 */
export function graphOf(text: string): Model {
  const model = parseModel(text.startsWith('<') ? text : `<ir_version: 8, opset_import: ["": 17]> ${text}`);
  const { graph } = model;
  const isWeight = ({ name }: { name: string }) => /^[wb]\d*$/.test(name);
  graph.inputs.filter(isWeight).forEach(({ name, type }, seed) => {
    const dims = type?.kind === 'tensor' ? (type.shape as number[]) : [];
    graph.initializers.set(name, Tensor.of(name, 'float32', dims, noise(dims, seed, 0.5)));
  });
  graph.inputs = graph.inputs.filter((input) => !isWeight(input));
  return model;
}

/** Seeded values from −1 to 1, or their multiples. */
export function noise(dims: readonly number[], seed = 1, scale = 1): Float32Array {
  const random = seededRandom(seed);
  return Float32Array.from(
    { length: dims.reduce((product, dim) => product * dim, 1) },
    () => scale * (2 * random() - 1),
  );
}

/** What calibration sees of a prepared model where all its candidates are treated as `treatment` says. */
export async function statisticsOf(
  prepared: PreparedModel,
  treatment: Treatment,
  batches: readonly NamedValues[],
): Promise<Map<string, ValueStatistics>> {
  const values = calibratedValues(prepared.model, planFor(prepared, treatment), prepared);
  if (!values.length) return new Map();
  return collectStatistics(
    prepared.model,
    values,
    async function* () {
      yield* batches;
    },
    { histograms: false },
  );
}

/** The same treatment for every candidate that can have it. */
export function planFor({ survey }: PreparedModel, treatment: Treatment): Map<string, Treatment> {
  const able = survey.candidates.filter(
    ({ treatments, family }) => treatments.includes(treatment) && family !== 'attention',
  );
  return new Map(able.map(({ key }) => [key, treatment]));
}

/** A model before and after quantization. */
export interface Quantized {
  model: Model;
  /** Nodes as `outputs = operator(inputs)`. */
  lines: string[];
  /** Signal to noise of each output on the first batch, in dB. */
  sqnr: Record<string, number>;
}

/** Quantizes every node of a model in one way, calibrated on `batches`, and compares it with the original on the first. */
export async function quantized(
  original: Model,
  treatment: Treatment,
  batches: readonly NamedValues[],
  settings: Partial<Settings> = {},
): Promise<Quantized> {
  const prepared = await prepareForQuantization(original);
  const statistics = await statisticsOf(prepared, treatment, batches);
  const facts = { isFloat32: prepared.isFloat32, statistics };
  const model = applyPlan(prepared.model, planFor(prepared, treatment), facts, { ...SETTINGS, ...settings });
  const [before, after] = [await outputsOf(original, batches[0]!), await outputsOf(model, batches[0]!)];
  const sqnr = Object.fromEntries(
    Object.keys(before).map((name) => [
      name,
      sqnrDb(before[name]!.data as Float32Array, after[name]!.data as Float32Array),
    ]),
  );
  return { model, lines: linesOf(model), sqnr };
}

export function linesOf({ graph }: Model): string[] {
  return graph.nodes.map((node) => `${node.outputs.join(', ')} = ${node.type}(${node.inputs.join(', ')})`);
}

async function outputsOf(model: Model, feeds: NamedValues): Promise<NamedValues> {
  const session = await Session.create(encodeModel(model), { threads: 1 });
  try {
    return await session.run(feeds);
  } finally {
    await session.release();
  }
}

function sqnrDb(reference: Float32Array, values: Float32Array): number {
  let [signal, error] = [0, 0];
  reference.forEach((r, i) => {
    signal += r * r;
    error += (r - values[i]!) ** 2;
  });
  return 10 * Math.log10(signal / error);
}
