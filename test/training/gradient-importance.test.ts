import { describe, expect, it } from 'vitest';
import { parseModel } from '../../src/onnx/text.js';
import { GRADIENT_CRITERIA } from '../../src/training/gradient-importance.js';
import { prunable } from '../passes/prune/oracle.js';

const MODEL = `
  <ir_version: 8, opset_import: ["" : 17]>
  two (float[N, 2] x) => (float[N, 1] y)
  <float[2, 3] v = {1, -2, 1, 1, 2, 0}, float[3] b = {0, 0, 3}, float[3, 1] w = {3, 1, -2}, float[1] c = {1}>
  { m = MatMul (x, v) h = Add (m, b) r = Relu (h) n = MatMul (r, w) y = Add (n, c) }`;

// r = [3, 2, 4], [3, 0, 5], [0, 4, 2], [0, 0, 3]: by y, the channels of a sample make r · w.
const ROWS = [
  [1, 2],
  [2, 1],
  [-1, 1],
  [0, 0],
];

async function values(name: keyof typeof GRADIENT_CRITERIA, text = MODEL) {
  const { model, found } = await prunable(parseModel(text));
  async function* batches() {
    for (const row of ROWS) yield { x: { type: 'float32' as const, dims: [1, 2], data: Float32Array.from(row) } };
  }
  const criterion = GRADIENT_CRITERIA[name](({ g }) => g.op('ReduceSum', ['y'], { keepdims: 0 }));
  const importance = await criterion.measure({ model, found, batches, seed: 0 });
  return found.groups.map((group) => [...(importance.get(group) ?? [])]);
}

describe('importance by gradients', () => {
  it('is how much the loss of each sample changes without a channel', async () => {
    expect(await values('taylor')).toEqual([[(9 + 9) / 4, (2 + 4) / 4, (8 + 10 + 4 + 6) / 4]]);
  });

  it('squares it', async () => {
    expect(await values('fisher')).toEqual([[(81 + 81) / 4, (4 + 16) / 4, (64 + 100 + 16 + 36) / 4]]);
  });

  it('counts together what layers take of the same channels', async () => {
    const text = MODEL.replace('n = MatMul (r, w)', 'o = MatMul (r, w) p = MatMul (r, w) n = Add (o, p)');
    expect(await values('taylor', text)).toEqual([[9, 3, 14]]);
  });

  it('names what gradients cannot pass, and says what to do', async () => {
    const text = `<ir_version: 8, opset_import: ["" : 17]>
      net (float[3, 1, 2] x) => (float[1, 1, 1] y)
      <float[1, 2, 2] w = {1, 2, 3, 4}, float[1, 2, 2] r = {1, 2, 3, 4}, float[2, 1] v = {1, 2}>
      { h, last = RNN <hidden_size = 2, activations = ["Softsign"]> (x, w, r) y = MatMul (last, v) }`;
    await expect(values('fisher', text)).rejects.toThrow(
      /^--importance: gradients are needed: .*Softsign in a recurrent cell has no gradient.*such as reconstruction$/,
    );
  });
});
