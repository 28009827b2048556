import { describe, expect, it } from 'vitest';
import { inferValueTypes } from '../../../src/analysis/value-types.js';
import { messageOf } from '../../../src/errors.js';
import { Emitter } from '../../../src/ir/emitter.js';
import type { Model } from '../../../src/ir/model.js';
import { Tensor, tensorOfValue } from '../../../src/ir/tensor.js';
import { elementCount, type NamedValues } from '../../../src/ir/types.js';
import { removeChannels } from '../../../src/passes/prune/remove-channels.js';
import { seededRandom } from '../../../src/random.js';
import { outputsOf } from '../../passes/cleanup/same-outputs.js';
import { difference, hasTestData, type RecordedTest, recordedTests } from '../../passes/onnx-testdata.js';
import { prunable } from '../../passes/prune/oracle.js';
import { zeroChannels } from '../../passes/prune/zero-channels.js';

/** One model in so many is taken, to stay within seconds; `CHANNELS_SWEEP=1` takes all. */
const STEP = Number(process.env.CHANNELS_SWEEP ?? 20);

const random = seededRandom(1);

function noise(dims: readonly number[]): Tensor {
  const values = Float32Array.from({ length: elementCount(dims) }, () => 0.1 + random());
  return Tensor.from('noise', 'float32', dims, values);
}

/** The float inputs of a test, each with every axis that could lose channels. */
function* axesOf({ feeds }: RecordedTest): Generator<[input: string, axis: number]> {
  for (const [name, { type, dims }] of Object.entries(feeds))
    for (const axis of type === 'float32' ? dims.keys() : []) if (dims[axis]! > 1) yield [name, axis];
}

/**
 * The model of a test with layers around it: one makes an axis of an input from two others channels, the other inputs are
 * constants, and every axis of every output is summed over by a layer of its own.
 */
async function withLayers(test: RecordedTest, input: string, axis: number): Promise<[Model, NamedValues]> {
  const model = test.model.clone();
  const { graph } = model;
  const outputs = graph.outputs.map(({ name }) => name);
  const nodes = graph.nodes.splice(0);
  model.irVersion = model.irVersion < 4n ? 4n : model.irVersion;
  graph.valueInfos.clear();
  for (const [name, value] of Object.entries(test.feeds))
    if (name !== input) graph.initializers.set(name, tensorOfValue(name, value));
  const { dims } = test.feeds[input]!;
  const source = [...dims.toSpliced(axis, 1), 2];
  graph.inputs = [{ name: 'source', type: { kind: 'tensor', elem: 'float32', shape: source } }];
  const before = new Emitter(model, 'before');
  const made = before.op('MatMul', ['source', before.constant(noise([2, dims[axis]!]))]);
  const order = [...dims.keys()].slice(0, -1).toSpliced(axis, 0, dims.length - 1);
  before.rename(before.op('Identity', [before.transpose(made, order)]), input);
  graph.nodes.push(...nodes);
  graph.outputs = [];
  const facts = await inferValueTypes(model);
  const behind = new Emitter(model, 'behind');
  for (const name of outputs) {
    const sizes = facts.get(name)?.dims as number[];
    const value = behind.cast(name, 1);
    for (const [k, size] of sizes.entries()) {
      const last = behind.transpose(value, [...[...sizes.keys()].toSpliced(k, 1), k]);
      const summed = behind.op('MatMul', [last, behind.constant(noise([size, 2]))]);
      const others = [...sizes.keys()].slice(0, -1);
      graph.outputs.push({ name: others.length ? behind.sum(summed, others) : summed });
    }
  }
  return [model, { source: noise(source).toValue() }];
}

/** What is wrong with removing the middle channel of each group; numbers that are not finite tell nothing. */
async function problemsOf(model: Model, feeds: NamedValues): Promise<string[]> {
  const part = await prunable(model);
  const problems: string[] = [];
  for (const group of part.found.groups) {
    const removed = new Map([[group, new Set([group.size >> 1])]]);
    const expected = await outputsOf(zeroChannels(part.model, part.found, removed), feeds);
    const found = await outputsOf(await removeChannels(part.model, part.found, removed), feeds);
    for (const [name, value] of Object.entries(expected)) {
      const tells = (value.data as Float32Array).every(Number.isFinite);
      if (tells && difference(found[name], value) > 1e-4) problems.push(`${group.name}: ${name} differs`);
    }
  }
  return problems;
}

describe.skipIf(!hasTestData)("layers around the operators of ONNX's own tests (Debian: libonnx-testdata)", () => {
  it('lose channels through every one that has a rule', { timeout: 900_000 }, async () => {
    const problems: string[] = [];
    let count = 0;
    for (const test of recordedTests()) {
      if (!test.name.startsWith('node/') || count++ % STEP) continue;
      if (test.model.opset < 7 || test.name.includes('training_dropout')) continue;
      for (const [input, axis] of axesOf(test)) {
        const layers = await withLayers(test, input, axis).catch(() => undefined);
        const runs = layers && (await outputsOf(...layers).catch(() => undefined));
        if (!runs) continue;
        const found = await problemsOf(...layers!).catch((error) => [messageOf(error)]);
        problems.push(...found.map((problem) => `${test.name}, axis ${axis} of ${input}: ${problem}`));
      }
    }
    expect(problems).toEqual([]);
    expect(count).toBeGreaterThan(500);
  });
});
