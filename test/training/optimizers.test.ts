import { describe, expect, it, test } from 'vitest';
import { encodeModel } from '../../src/onnx/write.js';
import { LocalSession } from '../../src/runtime/local-session.js';
import { buildUpdate, EMA, type Optimizer, optimizerStates, updateScalars } from '../../src/training/optimizers.js';
import { sgd as plain } from './toy.js';

/** The gradients and the learning rate of each step. */
const steps: readonly (readonly [gradient: number[], learningRate: number])[] = [
  [[1, -2, 0.5], 0.1],
  [[0.5, 1, -1], 0.05],
  [[-0.25, 0.5, 2], 0.1],
];

/** Parameters after each step from 1, −2, 3 on, and the states at the end. Every output is written over its input. */
async function updated(optimizer: Optimizer, { gradientScale = 1, weightDecay = optimizer.weightDecay } = {}) {
  const session = await LocalSession.create(encodeModel(buildUpdate(optimizer)), { threads: 1 });
  const start = [1, -2, 3];
  const changing: Record<string, Float32Array> = { parameters: Float32Array.from(start) };
  for (const name of optimizerStates(optimizer)) changing[name] = Float32Array.from(name === EMA ? start : [0, 0, 0]);
  const value = (data: Float32Array, dims = [3]) => ({ type: 'float32' as const, dims, data });
  const held = LocalSession.hold(Object.fromEntries(Object.entries(changing).map(([name, v]) => [name, value(v)])));
  const into = Object.fromEntries(Object.entries(held).map(([name, tensor]) => [`new/${name}`, tensor]));
  const path: number[][] = [];
  for (const [k, [gradient, learningRate]] of steps.entries()) {
    const scalars = updateScalars(optimizer, { learningRate, step: k + 1, gradientScale }, weightDecay);
    const fixed = LocalSession.hold({
      gradients: value(Float32Array.from(gradient)),
      ...Object.fromEntries(Object.entries(scalars).map(([name, x]) => [name, value(Float32Array.of(x), [])])),
    });
    await session.runHeld({ ...held, ...fixed }, into);
    path.push([...changing.parameters!]);
  }
  await session.release();
  return { path, states: changing };
}

function expectClose(actual: ArrayLike<number>, expected: readonly number[]): void {
  for (const [k, value] of expected.entries()) expect(actual[k]).toBeCloseTo(value, 5);
}

// PyTorch 2.13: torch.optim with the same settings, `param_groups[0]['lr']` set before each step.
describe('three steps are those of PyTorch', () => {
  test.each<[string, Partial<Optimizer>, number[][]]>([
    [
      'SGD',
      {},
      [
        [0.9, -1.8, 2.95],
        [0.875, -1.85, 3],
        [0.9, -1.9, 2.8],
      ],
    ],
    [
      'SGD with momentum',
      { momentum: 0.9 },
      [
        [0.9, -1.8, 2.95],
        [0.83, -1.76, 2.9775],
        [0.729, -1.738, 2.827],
      ],
    ],
    [
      'SGD with Nesterov momentum and weight decay',
      { momentum: 0.9, nesterov: true, weightDecay: 0.01 },
      [
        [0.8081, -1.6162, 2.8993],
        [0.7189273, -1.627855, 2.970081],
        [0.6502777, -1.652194, 2.624452],
      ],
    ],
    [
      'Adam',
      { name: 'adam' },
      [
        [0.9, -1.9, 2.9],
        [0.8533911, -1.886683, 2.918305],
        [0.7970249, -1.880544, 2.87634],
      ],
    ],
    [
      'Adam with other settings and weight decay',
      { name: 'adam', betas: [0.8, 0.95], epsilon: 1e-3, weightDecay: 0.1 },
      [
        [0.9000908, -1.900045, 2.900125],
        [0.8535494, -1.883979, 2.902696],
        [0.7954915, -1.87023, 2.84113],
      ],
    ],
    [
      'AdamW',
      { name: 'adamw', weightDecay: 0.1 },
      [
        [0.89, -1.88, 2.87],
        [0.838941, -1.857283, 2.873955],
        [0.7741855, -1.832571, 2.80325],
      ],
    ],
  ])('%s', async (_, settings, expected) => {
    const { path } = await updated({ ...plain, ...settings });
    for (const [step, parameters] of expected.entries()) expectClose(path[step]!, parameters);
  });

  test.each<[Partial<Optimizer>, number[]]>([
    [{ momentum: 0.9 }, [0.9494999, -1.936, 2.976625]],
    [{ name: 'adamw', weightDecay: 0.1 }, [0.9540132, -1.960692, 2.958451]],
  ])('the average of the weights: %j', async (settings, expected) => {
    const { states, path } = await updated({ ...plain, ...settings, emaDecay: 0.9 });
    expectClose(states[EMA]!, expected);
    expectClose(path[2]!, (await updated({ ...plain, ...settings })).path[2]!);
  });
});

describe('scalars of an update', () => {
  it('parameters without weight decay take the same graph', async () => {
    const { path } = await updated({ ...plain, name: 'adamw', weightDecay: 0.1 }, { weightDecay: 0 });
    expectClose(path[2]!, [0.7970249, -1.880544, 2.87634]);
  });

  it('a clipped gradient is scaled', async () => {
    const { path } = await updated({ ...plain, maxGradientNorm: 1 }, { gradientScale: 0.5 });
    expectClose(path[0]!, [0.95, -1.9, 2.975]);
  });
});

describe('optimizerStates', () => {
  test.each<[Partial<Optimizer>, string[]]>([
    [{}, []],
    [{ momentum: 0.9 }, ['momentum']],
    [{ name: 'adam' }, ['mean', 'variance']],
    [{ name: 'adamw', emaDecay: 0.99 }, ['mean', 'variance', 'average']],
  ])('%j: %j', (settings, states) => {
    expect(optimizerStates({ ...plain, ...settings })).toEqual(states);
  });
});
