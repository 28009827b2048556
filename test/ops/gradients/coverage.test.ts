import { describe, expect, test } from 'vitest';
import { messageOf, UserError } from '../../../src/errors.js';
import type { NamedValues, TensorValue } from '../../../src/ir/types.js';
import { differentiableOperators } from '../../../src/ops/gradients/table.js';
import { constantsToInitializers } from '../../../src/passes/cleanup/constants-to-initializers.js';
import { foldConstants } from '../../../src/passes/cleanup/fold-constants.js';
import { upgradeOpset } from '../../../src/passes/opset-upgrade/upgrade-opset.js';
import { runPasses } from '../../../src/passes/pass.js';
import { UNFUSE, unfuse } from '../../../src/passes/unfuse/unfuse.js';
import { outputsOf, withConstantInputs } from '../../passes/cleanup/same-outputs.js';
import { hasTestData, type RecordedTest, recordedTests } from '../../passes/onnx-testdata.js';
import { errorAlongDirection } from './check-gradient.js';

/** What models for training are made of. */
const WANTED = `Conv ConvTranspose Gemm MatMul Add Sub Mul Div Pow Sqrt Exp Log Neg Abs Erf Tanh Sigmoid Relu LeakyRelu
  PRelu Elu Selu Gelu HardSigmoid HardSwish Mish Softplus Clip Min Max Where Softmax LogSoftmax BatchNormalization
  LayerNormalization InstanceNormalization GroupNormalization RMSNormalization MaxPool AveragePool GlobalAveragePool
  GlobalMaxPool ReduceSum ReduceMean ReduceMax ReduceMin ReduceL2 ReduceLogSumExp Reshape Flatten Squeeze Unsqueeze
  Transpose Slice Split Concat Pad Expand Tile Resize DepthToSpace Gather GatherElements GatherND ScatterND Einsum Cast
  LSTM GRU RNN`.split(/\s+/);

test('operators with a row', () => {
  const known = new Set(differentiableOperators());
  const missing = WANTED.filter((type) => !known.has(type));
  console.log(
    `${known.size} operators have a gradient, ${Object.keys(UNFUSE).length} fused ones are written in standard ones; ` +
      `of ${WANTED.length} that are wanted, missing: ${missing.join(', ') || 'none'}`,
  );
  expect(missing).toEqual([]);
});

/** Largest difference allowed, relative to the derivative. */
const TOLERANCE = 5e-2;

/** Operators that draw random numbers, and texts that become numbers that are not finite. */
const UNFIT = /test_(training_dropout|bernoulli|castlike_STRING)/;

describe.skipIf(!hasTestData)("ONNX's own tests of operators (Debian: libonnx-testdata)", () => {
  test('have gradients that agree with a difference along a random direction', { timeout: 600_000 }, async () => {
    const agreeing: string[] = [];
    const failures: string[] = [];
    const without = new Map<string, number>();
    for (const recorded of recordedTests()) {
      if (UNFIT.test(recorded.name) || !(await isSmooth(recorded))) continue;
      try {
        const error = await smallestError(recorded);
        if (error < TOLERANCE) agreeing.push(recorded.name);
        else failures.push(`${recorded.name}: off by ${error}`);
      } catch (error) {
        const types = [...messageOf(error).matchAll(/\(([\w.]+)\): /g)].map((match) => match[1]!);
        if (!(error instanceof UserError) || !types.length) failures.push(`${recorded.name}: ${messageOf(error)}`);
        else for (const type of new Set(types)) without.set(type, (without.get(type) ?? 0) + 1);
      }
    }
    const refused = [...without].sort().map(([type, count]) => `${type} ${count}`);
    console.log(`${agreeing.length} cases agree; refused: ${refused.join(', ')}`);
    expect(failures).toEqual([]);
    expect(agreeing.length).toBeGreaterThan(400);
  });
});

const isFloat = (value: { type: string; data: { length: number } }) =>
  value.type === 'float32' && value.data.length > 0;

/** Elements beyond which a step along a random direction always crosses a kink. */
const LARGE = 20_000;

/** True where floats go in and come out, and the model runs here. */
async function isSmooth({ model, feeds, outputs }: RecordedTest): Promise<boolean> {
  if (Object.values(feeds).some(({ data }) => data.length > LARGE)) return false;
  if (model.opset < 7 || !Object.values(feeds).some(isFloat) || !Object.values(outputs).some(isFloat)) return false;
  return outputsOf(model, feeds).then(
    () => true,
    () => false,
  );
}

/**
 * By all float inputs; where that is refused by the first alone, as others may set sizes or weigh classes. Recorded inputs
 * may lie where a function has a kink or a jump, or ends: then inputs nearby are tried.
 */
async function smallestError(recorded: RecordedTest): Promise<number> {
  const floats = Object.keys(recorded.feeds).filter((name) => isFloat(recorded.feeds[name]!));
  let smallest = Number.POSITIVE_INFINITY;
  for (const [factor, step] of [
    [1, 2e-3],
    [0.97, 2e-3],
    [0.97, 2e-4],
    [1.06, 5e-4],
  ] as const) {
    const error = await errorBy(recorded, floats, factor, step).catch((reason) => {
      if (floats.length === 1) throw reason;
      return errorBy(recorded, floats.slice(0, 1), factor, step);
    });
    if (error < smallest) smallest = error;
    if (smallest < TOLERANCE) break;
  }
  return smallest;
}

async function errorBy(
  { model, feeds }: RecordedTest,
  by: readonly string[],
  factor: number,
  step: number,
): Promise<number> {
  const variable: NamedValues = Object.fromEntries(by.map((name) => [name, near(feeds[name]!, factor)]));
  const constant = Object.fromEntries(Object.entries(feeds).filter(([name]) => !by.includes(name)));
  const prepared = withConstantInputs(model, constant);
  if (prepared.opset < 18) await runPasses(prepared, [upgradeOpset(18)]);
  await runPasses(prepared, [constantsToInitializers, unfuse(), foldConstants]);
  return errorAlongDirection(prepared, variable, { step });
}

/** Numbers scaled a little, and moved apart where they are equal. */
function near({ type, dims, data }: TensorValue, factor: number): TensorValue {
  if (factor === 1) return { type, dims, data };
  const moved = (data as Float32Array).map((value, k) => factor * value + 0.01 * Math.sin(k + 1));
  return { type, dims, data: moved };
}
