import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { UserError } from '../../../src/errors.js';
import type { Graph } from '../../../src/ir/graph.js';
import type { Model } from '../../../src/ir/model.js';
import { Tensor } from '../../../src/ir/tensor.js';
import type { DataType, NamedValues } from '../../../src/ir/types.js';
import { decodeModel } from '../../../src/onnx/read.js';
import { parseModel } from '../../../src/onnx/text.js';
import { encodeModel } from '../../../src/onnx/write.js';
import { upgradeOpset } from '../../../src/passes/opset-upgrade/upgrade-opset.js';
import { runPasses } from '../../../src/passes/pass.js';
import { Session } from '../../../src/runtime/session.js';
import { difference, hasTestData, recordedTests } from '../onnx-testdata.js';

interface RecordedValue {
  type: DataType;
  dims: number[];
  data: number[];
}

interface RecordedModel {
  name: string;
  opset: number;
  model: string;
  feeds: Record<string, RecordedValue>;
  outputs: Record<string, RecordedValue>;
}

const recorded: RecordedModel[] = JSON.parse(
  readFileSync(new URL('recorded/old-models.json', import.meta.url), 'utf8'),
);

async function outputsOf(model: Model, feeds: NamedValues): Promise<NamedValues> {
  const session = await Session.create(encodeModel(model), { optimization: 'basic', threads: 1 });
  try {
    return await session.run(feeds);
  } finally {
    await session.release();
  }
}

/** Operators of 22 and above for which ONNX Runtime has no kernel yet. */
const WITHOUT_KERNEL = /^RoiAlign/;

function valuesOf(values: Record<string, RecordedValue>): NamedValues {
  return Object.fromEntries(
    Object.entries(values).map(([name, v]) => [name, Tensor.from(name, v.type, v.dims, v.data).toValue()]),
  );
}

/** The nodes of a graph as `outputs = operator(inputs)`. */
function lines(graph: Graph): string[] {
  return graph.nodes.map((node) => `${node.outputs.join(', ')} = ${node.op}(${node.inputs.join(', ')})`);
}

async function upgraded(text: string, target: number): Promise<Model> {
  const model = parseModel(text);
  await runPasses(model, [upgradeOpset(target)]);
  return model;
}

describe('upgradeOpset', () => {
  it('moves attributes to inputs of the same type', async () => {
    const model = await upgraded(
      `<ir_version: 5, opset_import: ["": 10]> g (float16[2, 3] x) => (float16[2] y) {
        c = Clip <min = 0.5> (x)
        y = ReduceSum <axes = [1], keepdims = 0> (c)
      }`,
      13,
    );
    expect(lines(model.graph)).toEqual(['c = Clip(x, c_min)', 'y = ReduceSum(c, y_axes)']);
    expect(model.constant('c_min')).toMatchObject({ type: 'float16', dims: [] });
    expect([...model.constant('y_axes')!.toNumbers()]).toEqual([1]);
    expect(model.graph.nodes[1]!.int('keepdims')).toBe(0);
    expect([model.opset, model.irVersion]).toEqual([13, 7n]);
  });

  it('keeps a Softmax over the last axis and flattens for any other', async () => {
    const model = await upgraded(
      `<ir_version: 6, opset_import: ["": 11]> g (float[2, 3, 4] x) => (float[2, 3, 4] y) {
        a = Softmax <axis = 2> (x)
        y = Softmax (a)
      }`,
      13,
    );
    expect(lines(model.graph)).toEqual([
      'a = Softmax(x)',
      'y_Flatten = Flatten(a)',
      'y_Shape = Shape(a)',
      'y_Reshape_input = Softmax(y_Flatten)',
      'y = Reshape(y_Reshape_input, y_Shape)',
    ]);
    expect(model.graph.nodes[3]!.int('axis')).toBe(-1);
  });

  it('takes Upsample to Resize', async () => {
    const model = await upgraded(
      `<ir_version: 3, opset_import: ["": 7]> g (float[1, 1, 2, 2] x) => (float[1, 1, 4, 4] y) {
        y = Upsample <scales = [1.0, 1.0, 2.0, 2.0]> (x)
      }`,
      13,
    );
    const [resize] = model.graph.nodes;
    expect(lines(model.graph)).toEqual(['y = Resize(x, y_roi, y_scales)']);
    expect(resize!.string('coordinate_transformation_mode')).toBe('asymmetric');
    expect(resize!.string('nearest_mode')).toBe('floor');
  });

  it('drops initializers from the inputs where the new IR version would let callers replace them', async () => {
    const model = await upgraded(
      `<ir_version: 3, opset_import: ["ai.onnx": 8]>
      g (float[2] x, float[2] w) => (float[2] y) <float[2] w = {1, 2}> { y = Add(x, w) }`,
      9,
    );
    expect(model.graph.inputs.map((input) => input.name)).toEqual(['x']);
    expect([...model.opsets]).toEqual([['ai.onnx', 9]]);
    expect(model.irVersion).toBe(4n);
  });

  it('gives a boolean mask of Dropout its old type where it is used', async () => {
    const text = (results: string) => `<ir_version: 3, opset_import: ["": 7]> g (float[2] x) => (${results}) {
      y, mask = Dropout (x)
    }`;
    const used = await upgraded(text('float[2] y, float[2] mask'), 13);
    expect(lines(used.graph)).toEqual(['y, mask_Cast_input = Dropout(x)', 'mask = Cast(mask_Cast_input)']);
    expect(lines((await upgraded(text('float[2] y'), 13)).graph)).toEqual(['y = Dropout(x)']);
  });

  it('leaves a model at the target as it is', async () => {
    const model = parseModel(`<ir_version: 7, opset_import: ["": 13]> g (float[2] x) => (float[2] y) { y = Relu(x) }`);
    expect(await upgradeOpset(13).run(model)).toEqual({ changed: 0 });
  });

  it('leaves function bodies alone and refuses where the new version changes them', async () => {
    const text = (op: string) => `<ir_version: 8, opset_import: ["": 11, "local": 1]>
      g (float[2, 3] x) => (float[2, 3] y) { y = local.f(x) }
      <domain: "local", opset_import: ["": 11]> f (a) => (b) { b = ${op}(a) }`;
    expect((await upgraded(text('Relu'), 13)).opset).toBe(13);
    await expect(upgraded(text('Softmax'), 13)).rejects.toThrow(
      'function local.f: uses Softmax, which operator set 13 changes, so the model cannot be raised; inline',
    );
  });

  it('refuses targets that are unknown or lower, and models that are too old', async () => {
    const at = (opset: number) =>
      `<ir_version: 7, opset_import: ["": ${opset}]> g (float[2] x) => (float[2] y) { y = Relu(x) }`;
    expect(() => upgradeOpset(99)).toThrow(
      'operator set 99 is not one that models can be raised to; choose one from 8',
    );
    await expect(upgraded(at(14), 13)).rejects.toThrow('is written in operator set 14, which cannot be lowered to 13');
    await expect(upgraded(at(6), 13)).rejects.toThrow('is written in operator set 6, older than 7');
  });

  it('refuses a node without an equal, naming it', async () => {
    const model = `<ir_version: 3, opset_import: ["": 7]>
      g (float[2, 3] x, float[3] s, float[3] b, float[3] m, float[3] v) => (float[2, 3] y) {
        y = BatchNormalization <spatial = 0> (x, s, b, m, v)
      }`;
    await expect(upgraded(model, 13)).rejects.toThrow(
      'node y (BatchNormalization): cannot be brought to operator set 9: it keeps statistics per element (spatial = 0)',
    );
  });
});

describe('models recorded in their old operator set', () => {
  for (const target of [13, 17, 21, 23])
    it.each(
      recorded
        .filter((c) => c.opset < target && !(target > 21 && WITHOUT_KERNEL.test(c.name)))
        .map((c) => [`${c.opset}: ${c.name}`, c] as const),
    )(`give the same at ${target}, from %s`, async (_, { model: bytes, feeds, outputs }) => {
      const model = decodeModel(Buffer.from(bytes, 'base64'), 'old.onnx');
      await runPasses(model, [upgradeOpset(target)]);
      expect(model.opset).toBe(target);
      const found = await outputsOf(model, valuesOf(feeds));
      for (const [name, expected] of Object.entries(outputs)) {
        expect(found[name]!.type).toBe(expected.type);
        expect(found[name]!.dims).toEqual(expected.dims);
        const numbers = Array.from(found[name]!.data as Float32Array, Number);
        for (const [i, value] of expected.data.entries()) expect(numbers[i]).toBeCloseTo(value, 4);
      }
    });
});

describe.skipIf(!hasTestData)("the models of ONNX's own tests", () => {
  it.each([13, 17, 21])('give what is recorded with them at %i', async (target) => {
    const refused: string[] = [];
    let compared = 0;
    for (const { name, model, feeds, outputs } of recordedTests()) {
      if (model.opset < 7 || model.opset >= target) continue;
      const before = await outputsOf(model, feeds).catch(() => undefined);
      if (!before) continue; // ONNX Runtime cannot run it
      try {
        await runPasses(model, [upgradeOpset(target)]);
      } catch (error) {
        if (!(error instanceof UserError)) throw error;
        refused.push(name);
        continue;
      }
      const after = await outputsOf(model, feeds);
      const against = (expected: NamedValues) =>
        Math.max(0, ...Object.entries(expected).map(([output, value]) => difference(after[output], value)));
      expect(Math.min(against(outputs), against(before)), name).toBeLessThan(1e-3);
      compared++;
    }
    expect(compared).toBeGreaterThan(200);
    expect(refused).toEqual(['node/test_resize_downsample_sizes_nearest_tf_half_pixel_for_nn', 'node/test_scan_sum']);
  });
});
