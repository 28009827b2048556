import { describe, expect, it } from 'vitest';
import { messageOf } from '../../src/errors.js';
import type { NamedValues, TensorValue } from '../../src/ir/types.js';
import { parseModel } from '../../src/onnx/text.js';
import { encodeModel } from '../../src/onnx/write.js';
import { runtimeError } from '../../src/runtime/errors.js';
import { Session } from '../../src/runtime/session.js';

const OPSET_17 = '<ir_version: 8, opset_import: ["": 17]>';
const header = (text: string) => (text.startsWith('<') ? text : `${OPSET_17} ${text}`);

async function loadError(model: string | Uint8Array): Promise<string> {
  return Session.create(typeof model === 'string' ? encodeModel(parseModel(header(model))) : model).then(
    () => 'loaded',
    messageOf,
  );
}

async function runError(model: string, feeds: NamedValues): Promise<string> {
  const session = await Session.create(encodeModel(parseModel(header(model))));
  return session
    .run(feeds)
    .then(() => 'ran', messageOf)
    .finally(() => session.release());
}

const floats = (...dims: number[]): TensorValue => ({
  type: 'float32',
  dims,
  data: new Float32Array(dims.reduce((a, b) => a * b, 1)),
});
const integers = (...values: bigint[]): TensorValue => ({
  type: 'int64',
  dims: [values.length],
  data: BigInt64Array.from(values),
});

describe('a model that cannot be loaded', () => {
  it.each([
    [
      'an operator that does not exist',
      'g (float[2] x) => (float[2] y) { y = Frobnicate (x) }',
      'the model uses the operator Frobnicate, which operator set 17 does not have; export',
    ],
    [
      'a custom operator',
      '<ir_version: 8, opset_import: ["": 17, "my.ops": 1]> g (float[2] x) => (float[2] y) { y = my.ops.Foo (x) }',
      'the model uses the custom operator my.ops:Foo, which ONNX Runtime does not have; export',
    ],
    [
      'types without a kernel',
      'g (bfloat16[2] x) => (bfloat16[2] y) { y = Add (x, x) }',
      'a node Add: ONNX Runtime has no kernel for Add of operator set 14 with these types; export',
    ],
    [
      'a later IR version',
      '<ir_version: 99, opset_import: ["": 17]> g (float[2] x) => (float[2] y) { y = Relu (x) }',
      'the model has IR version 99; ONNX Runtime reads versions up to 13; export it with IR version 13 or lower',
    ],
    [
      'a later operator set',
      '<ir_version: 8, opset_import: ["": 99]> g (float[2] x) => (float[2] y) { y = Relu (x) }',
      'the model is written in operator set 99, which ONNX Runtime does not know yet; export',
    ],
    [
      'an unknown attribute',
      'g (float[2] x) => (float[2] y) { y = Softmax <foo = 1> (x) }',
      'the model is invalid: a node Softmax: Unrecognized attribute: foo for operator Softmax; export',
    ],
    [
      'types that differ',
      'g (float[2] x, int64[2] i) => (float[2] y) { y = Add (x, i) }',
      'the model is invalid: a node Add: takes tensor(float) and tensor(int64) where both must be the same; export',
    ],
    [
      'a type that the operator does not take',
      'g (string[2] x) => (float[2] y) { y = Relu (x) }',
      'the model is invalid: a node Relu: cannot take x of type tensor(string); export',
    ],
    [
      'an output declared wrongly',
      'g (float[2] x) => (int64[2] y) { y = Relu (x) }',
      'the model is invalid: y is declared as tensor(int64), but is tensor(float); export',
    ],
    [
      'shapes that do not fit',
      'g (float[2, 3] x) => (float y) <float[4, 1] w = {1, 2, 3, 4}> { y = MatMul (x, w) }',
      'the model is invalid: a node MatMul: Incompatible dimensions for matrix multiplication; export',
    ],
  ])('says so for %s', async (_, text, message) => {
    expect(await loadError(text)).toContain(message);
  });

  it.each([
    ['text', new TextEncoder().encode('hello, this is not a model')],
    ['nothing', new Uint8Array(0)],
  ])('says so for %s', async (_, bytes) => {
    expect(await loadError(bytes)).toBe('the file is damaged, or no ONNX model; copy or export it again');
  });
});

describe('a model that cannot be run', () => {
  const model = 'g (float[N, 2] x, int64[M] i) => (float y) { r = Gather (x, i)  y = Reshape (r, i) }';
  it.each<[string, NamedValues, string]>([
    ['an input that was not given', { x: floats(1, 2) }, "the model takes an input 'i', which was not given; see"],
    [
      'a wrong type',
      { x: { type: 'int32', dims: [1, 2], data: Int32Array.of(1, 2) }, i: integers(0n) },
      'an input is tensor(int32) where the model takes tensor(float); see nncompress inspect',
    ],
    ['a wrong rank', { x: floats(2), i: integers(0n) }, 'input x has 1 dimensions where the model takes 2; see'],
    [
      'a wrong shape',
      { x: floats(1, 3), i: integers(0n) },
      'input x has 3 elements along axis 1 where the model takes 2; see',
    ],
    [
      'an index out of range',
      { x: floats(1, 2), i: integers(5n) },
      'a node Gather failed: indices element out of data bounds, idx=5 must be within',
    ],
    [
      'a shape that cannot be had',
      { x: floats(4, 2), i: integers(3n) },
      'a node Reshape failed: The input tensor cannot be reshaped to the requested shape. Input shape:{1,2}',
    ],
  ])('says so for %s', async (_, feeds, message) => {
    expect(await runError(model, feeds)).toContain(message);
  });

  it('says how much memory was asked for', async () => {
    const message = await runError('g (int64[2] s) => (float y) { y = ConstantOfShape (s) }', {
      s: integers(4_000_000n, 4_000_000n),
    });
    expect(message).toContain(
      'not enough memory: 64,000,000,000,000 bytes were asked for at once; take a smaller batch',
    );
  });
});

it('explains messages that need another machine', () => {
  expect(runtimeError('OrtSessionOptionsAppendExecutionProvider_Cuda: Failed to load shared library').message).toBe(
    'the CUDA provider of ONNX Runtime is not installed, or lacks a library; nncompress doctor says which and how to ' +
      'install it; or use --device cpu',
  );
  const halves =
    'shader_helper.cc:416 GenerateSourceCode Program Transpose requires f16 but the device does not support it.';
  expect(runtimeError(halves).message).toMatch(/^the graphics adapter has no float16 arithmetic \(shader-f16\), which/);
});

it('leaves places in the source of ONNX Runtime out of what it does not know', () => {
  const message =
    '/onnxruntime_src/core/graph/model.cc:202 onnxruntime::Model::Model(onnx::ModelProto&&) Something new\n';
  expect(runtimeError(message).message).toBe('ONNX Runtime: Something new');
});
