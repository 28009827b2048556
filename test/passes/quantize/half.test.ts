import { describe, expect, it } from 'vitest';
import { inferValueTypes } from '../../../src/analysis/value-types.js';
import type { Model } from '../../../src/ir/model.js';
import type { NamedValues, TensorValue } from '../../../src/ir/types.js';
import { parseModel } from '../../../src/onnx/text.js';
import { encodeModel } from '../../../src/onnx/write.js';
import { upgradeOpset } from '../../../src/passes/opset-upgrade/upgrade-opset.js';
import { convertToHalf, type HalfOptions } from '../../../src/passes/quantize/half.js';
import { Session } from '../../../src/runtime/session.js';
import { outputsOf } from '../cleanup/same-outputs.js';
import { difference, hasTestData, recordedTests } from '../onnx-testdata.js';

interface Converted {
  original: Model;
  model: Model;
  /** Nodes as `outputs = operator(inputs)`; Casts with what they cast to. */
  lines: string[];
  /** Reasons by the label of the node that stays in float32. */
  kept: Record<string, string>;
}

const NAMES: Record<number, string> = { 1: 'float32', 7: 'int64', 8: 'string', 10: 'float16' };

async function converted(text: string, options: Partial<HalfOptions> = {}): Promise<Converted> {
  const original = parseModel(text.startsWith('<') ? text : `<ir_version: 8, opset_import: ["": 17]> ${text}`);
  return { original, ...(await convert(original, options)) };
}

async function convert(original: Model, options: Partial<HalfOptions> = {}): Promise<Omit<Converted, 'original'>> {
  const types = await inferValueTypes(original);
  const model = original.clone();
  const isFloat32 = (value: string) => types.get(value)?.type === 'float32';
  const isFloat16 = (value: string) => types.get(value)?.type === 'float16';
  const kept = convertToHalf(model, { isFloat32, isFloat16, target: 'cuda', ...options });
  const lines = model.graph.nodes.map((node) => {
    const to = node.type === 'Cast' ? ` to ${NAMES[node.int('to', 0)]}` : '';
    return `${node.outputs.join(', ')} = ${node.type}${to}(${node.inputs.join(', ')})`;
  });
  return { model, lines, kept: Object.fromEntries([...kept].map(([node, reason]) => [node.label, reason])) };
}

const floats = (dims: readonly number[], data: readonly number[]): TensorValue => ({
  type: 'float32',
  dims,
  data: Float32Array.from(data),
});

/** What both models give; ONNX Runtime checks the types of the converted one when it loads it. */
async function bothOutputs({ original, model }: Converted, feeds: NamedValues): Promise<[NamedValues, NamedValues]> {
  return [await outputsOf(original, feeds), await outputsOf(model, feeds)];
}

describe('convertToHalf', () => {
  it('computes in float16 between float32 inputs and outputs', async () => {
    const result = await converted(
      `g (float[N, 2] x) => (float[N, 2] y) <float[2, 2] w = {1, 2, 3, 0.1}> { h = MatMul (x, w)  y = Relu (h) }`,
    );
    expect(result.lines).toEqual([
      'x_float16 = Cast to float16(x)',
      'h = MatMul(x_float16, w_float16)',
      'y_float16 = Relu(h)',
      'y = Cast to float32(y_float16)',
    ]);
    expect([...result.model.graph.initializers.keys()]).toEqual(['w_float16']);
    expect(result.model.graph.initializers.get('w_float16')!.toNumbers()).toEqual(
      Float64Array.of(1, 2, 3, 0.0999755859375),
    );
    const [before, after] = await bothOutputs(result, { x: floats([1, 2], [0.5, 4]) });
    expect(after.y).toMatchObject({ type: 'float32', dims: [1, 2] });
    expect(difference(after.y, before.y!)).toBeLessThan(1e-3);
  });

  it('converts a shared weight once, and casts a value once however many nodes take it', async () => {
    const { lines, model } = await converted(
      `g (float[2] x) => (float[2] y, float[2] z) <float[2] w = {1, 2}> {
        a = Mul (x, w)  b = Add (x, w)  y = Add (a, b)  z = Neg (y)
      }`,
    );
    expect(lines.filter((line) => line.includes('Cast'))).toEqual([
      'x_float16 = Cast to float16(x)',
      'y = Cast to float32(y_float16)',
      'z = Cast to float32(z_float16)',
    ]);
    expect(model.graph.initializers.size).toBe(1);
  });

  it('converts Constant nodes, and what ConstantOfShape fills with', async () => {
    const result = await converted(
      `g (float[2] x) => (float[2] y) {
        c = Constant <value = float[2] {0.5, 2}> ()
        s = Shape (x)
        f = ConstantOfShape <value = float[1] {3}> (s)
        z = ConstantOfShape (s)
        a = Mul (x, c)  b = Add (a, f)  y = Add (b, z)
      }`,
    );
    expect(result.kept).toEqual({});
    const [, after] = await bothOutputs(result, { x: floats([2], [1, 2]) });
    expect(after.y!.data).toEqual(Float32Array.of(3.5, 7));
  });

  it('leaves scales of Resize in float32', async () => {
    const result = await converted(
      `g (float[1, 1, 1, 2] x) => (float y) <float[4] scales = {1, 1, 1, 1.7}> { h = Resize (x, , scales)  y = Neg (h) }`,
    );
    expect(result.lines).toContain('h = Resize(x_float16, , scales)');
    expect(await outputsOf(result.model, { x: floats([1, 1, 1, 2], [1, 2]) })).toMatchObject({
      y: { dims: [1, 1, 1, 3] },
    });
  });

  it('puts operators without float16 between Casts, and says so', async () => {
    const { lines, kept } = await converted(
      `g (float[2] x) => (float[2] y) <int64 axis = {0}> { a = Neg (x)  b = CumSum (a, axis)  y = Neg (b) }`,
    );
    expect(lines).toEqual([
      'x_float16 = Cast to float16(x)',
      'a = Neg(x_float16)',
      'a_float32 = Cast to float32(a)',
      'b = CumSum(a_float32, axis)',
      'b_float16 = Cast to float16(b)',
      'y_float16 = Neg(b_float16)',
      'y = Cast to float32(y_float16)',
    ]);
    expect(kept).toEqual({ b: 'rounding errors add up along the axis' });
  });

  it('follows the target: WebGPU has no recurrent kernels', async () => {
    const text = `g (float[S, 1, 1] x) => (float y)
      <float[1, 3, 1] w = {1, 2, 3}, float[1, 3, 1] r = {1, 2, 3}> { y = GRU <hidden_size = 1> (x, w, r) }`;
    expect((await converted(text, { target: 'cuda' })).kept).toEqual({});
    expect((await converted(text, { target: 'webgpu' })).kept).toEqual({
      y: expect.stringMatching(/^WebGPU has no kernel/),
    });
  });

  it('keeps what the user keeps', async () => {
    const keep = (node: { outputs: string[] }) => (node.outputs[0] === 'y' ? 'excluded' : undefined);
    const { lines, kept } = await converted(
      `g (float[2] x) => (float[2] y) <float[2] w = {1, 2}> { h = Mul (x, w)  y = Add (h, w) }`,
      { keep },
    );
    expect(kept).toEqual({ y: 'excluded' });
    expect(lines.slice(1)).toEqual([
      'h = Mul(x_float16, w_float16)',
      'h_float32 = Cast to float32(h)',
      'y = Add(h_float32, w)',
    ]);
  });

  it('keeps subgraphs in float32 and hands them what they capture', async () => {
    const result = await converted(
      `g (float[2] x, bool c) => (float[2] y) <float[2] w = {1, 2}> {
        h = Mul (x, w)
        y = If (c) <then_branch = t () => (float[2] p) { p = Add (h, w) }, else_branch = e () => (float[2] q) { q = Neg (h) }>
      }`,
    );
    expect(Object.values(result.kept)).toEqual(['its subgraphs compute in float32']);
    const c: TensorValue = { type: 'bool', dims: [], data: Uint8Array.of(1) };
    const [before, after] = await bothOutputs(result, { x: floats([2], [3, 4]), c });
    expect(after.y!.data).toEqual(before.y!.data);
  });

  it('drops recorded types, which would be wrong', async () => {
    const { model } = await converted(`g (float[2] x) => (float[2] y) <float[2] h> { h = Neg (x)  y = Neg (h) }`);
    expect(model.graph.valueInfos.size).toBe(0);
  });
});

describe('Casts of the original', () => {
  it('come from their source directly, in the form that is taken', async () => {
    const { lines } = await converted(
      `g (int64[2] i, float[2] x) => (float[2] y) { f = Cast <to = 1> (i)  y = Mul (f, x) }`,
    );
    expect(lines).toContain('f_float16 = Cast to float16(i)');
    expect(lines.filter((line) => line.includes('(i)'))).toHaveLength(1);
  });

  it('vanish where they cast to what is there', async () => {
    const result = await converted(
      `g (float[2] x) => (float[2] y) {
        a = Neg (x)  b = Cast <to = 10> (a)  c = Cast <to = 1> (b)  d = Cast <to = 1> (c)  y = Neg (d)
      }`,
    );
    expect(result.lines).toEqual([
      'x_float16 = Cast to float16(x)',
      'a = Neg(x_float16)',
      'y_float16 = Neg(a)',
      'y = Cast to float32(y_float16)',
    ]);
    const [before, after] = await bothOutputs(result, { x: floats([2], [1, 2]) });
    expect(after.y!.data).toEqual(before.y!.data);
  });
});

describe('numbers that float16 lacks', () => {
  it('keep a node in float32 where a weight is too large', async () => {
    const { kept } = await converted(
      `g (float[1, 2] x) => (float[1, 2] y) <float[2, 2] w = {1, 2, 3, 70000}> { y = MatMul (x, w) }`,
    );
    expect(kept).toEqual({ y: 'its constant w holds 7.00e+4, beyond ±65504' });
  });

  it('keep a node in float32 where all its weights would vanish, not where some would', async () => {
    const text = (w: string) => `g (float[1, 2] x) => (float[1, 1] y) <float[2, 1] w = {${w}}> { y = MatMul (x, w) }`;
    expect((await converted(text('1e-9, 2e-9'))).kept).toEqual({
      y: 'its constant w holds numbers that float16 makes 0',
    });
    expect((await converted(text('1e-9, 1'))).kept).toEqual({});
  });

  it('are bounded where they stand for infinity: masks', async () => {
    const result = await converted(
      `g (float[1, 3] scores, int64[1, 3] mask) => (float[1, 3] y) <float one = {1}, float lowest = {-3.4028235e38}> {
        m = Cast <to = 1> (mask)  off = Sub (one, m)  bias = Mul (off, lowest)  s = Add (scores, bias)
        y = Softmax <axis = -1> (s)
      }`,
    );
    expect(result.kept).toEqual({});
    const mask: TensorValue = { type: 'int64', dims: [1, 3], data: BigInt64Array.of(1n, 1n, 0n) };
    const [before, after] = await bothOutputs(result, { scores: floats([1, 3], [1, 2, 9]), mask });
    expect(difference(after.y, before.y!)).toBeLessThan(2e-3);
    expect(after.y!.data[2]).toBe(0);
  });

  it('keep a guard against division by zero, and what it guards', async () => {
    const result = await converted(
      `g (float[2] x) => (float[2] y) <float eps = {1e-12}> {
        a = Abs (x)  g = Add (a, eps)  r = Sqrt (g)  q = Div (x, r)  y = Neg (q)
      }`,
    );
    expect(Object.keys(result.kept)).toEqual(['g', 'r', 'q']);
    const [before, after] = await bothOutputs(result, { x: floats([2], [0, 4]) });
    expect(difference(after.y, before.y!)).toBeLessThan(1e-3);
  });

  it('keep sums of squares, as in normalizations', async () => {
    const result = await converted(
      `g (float[1, 2] x) => (float[1, 2] y) <float two = {2}, float eps = {1e-5}> {
        s = Pow (x, two)  m = ReduceMean <axes = [-1]> (s)  e = Add (m, eps)  r = Sqrt (e)  y = Div (x, r)
      }`,
    );
    expect(Object.keys(result.kept)).toEqual(['s', 'm', 'e', 'r', 'y']);
    const [before, after] = await bothOutputs(result, { x: floats([1, 2], [3000, 4000]) });
    expect(difference(after.y, before.y!)).toBeLessThan(1e-3);
  });

  it('keep positions that become angles or indices', async () => {
    const result = await converted(
      `g (int64[2] i, float[2] x) => (float[2] y) <float[2] w = {1, 0.01}> {
        p = Cast <to = 1> (i)  a = Mul (p, w)  c = Cos (a)  y = Mul (c, x)
      }`,
    );
    expect(Object.keys(result.kept)).toEqual(['a', 'c']);
    const i: TensorValue = { type: 'int64', dims: [2], data: BigInt64Array.of(4095n, 4095n) };
    const [before, after] = await bothOutputs(result, { x: floats([2], [1, 1]), i });
    expect(difference(after.y, before.y!)).toBeLessThan(1e-3);
  });

  it('keep a node whose values were seen near the end of float16', async () => {
    const statistics = new Map([['h', { low: -50000, high: 10 }]]);
    const { kept } = await converted(
      `g (float[2] x) => (float[2] y) <float[2] w = {300, 300}> { a = Neg (x)  h = Mul (a, w)  y = Tanh (h) }`,
      { statistics },
    );
    expect(Object.keys(kept)).toEqual(['h', 'y']);
    expect(kept.h).toBe('its values reach 5.00e+4, near the end of float16 at 65504');
  });
});

describe.skipIf(!hasTestData)("models of ONNX's own tests (Debian: libonnx-testdata)", () => {
  it('give the same outputs in float16, to its precision', { timeout: 300_000 }, async () => {
    const problems: string[] = [];
    let checked = 0;
    for (const { name, model: recorded, feeds } of recordedTests()) {
      const expected = await outputsInOpset13(recorded, feeds);
      if (!expected) continue;
      const { model } = await convert(expected.model);
      if (!model.graph.nodes.some((node) => node.type === 'Cast')) continue;
      checked++;
      const session = await Session.create(encodeModel(model), { threads: 1 });
      const found = await session.run(feeds);
      await session.release();
      for (const [output, value] of Object.entries(expected.outputs))
        if (!(difference(found[output], value) < 0.02)) problems.push(`${name}: ${output}`);
    }
    expect(problems).toEqual([]);
    expect(checked).toBeGreaterThan(600);
  });
});

async function outputsInOpset13(recorded: Model, feeds: NamedValues) {
  const model = recorded.clone();
  try {
    if (model.opset < 13) await upgradeOpset(13).run(model);
    return { model, outputs: await outputsOf(model, feeds) };
  } catch {
    return undefined;
  }
}
