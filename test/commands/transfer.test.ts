import { describe, expect, it } from 'vitest';
import { withNewHead } from '../../src/commands/transfer.js';
import { parseModel } from '../../src/onnx/text.js';

const withHead = async (constants: string, nodes: string) =>
  (
    await withNewHead(
      parseModel(
        `<ir_version: 8, opset_import: ["": 17]> f (float[n,2] x) => (float[n,4] y) <${constants}> { ${nodes} }`,
      ),
      'y',
      3,
      0,
    )
  ).model;

describe('withNewHead', () => {
  it('leaves other weights their names', async () => {
    const { graph } = await withHead(
      'float[2,2] v = {1,2,3,4}, float[2,4] w = {1,2,3,4,5,6,7,8}',
      't = Transpose(v) h = MatMul(x, t) y = MatMul(h, w)',
    );
    expect([...graph.initializers].map(([name, { dims }]) => [name, dims])).toEqual([
      ['v', [2, 2]],
      ['w', [2, 3]],
    ]);
  });

  it('folds a weight that is computed, and leaves nothing behind', async () => {
    const { graph } = await withHead(
      'float[4,2] w = {1,2,3,4,5,6,7,8}',
      'u = LpNormalization<axis = 1>(w) t = Transpose(u) y = MatMul(x, t)',
    );
    expect([...graph.initializers.values()].map(({ dims }) => dims)).toEqual([[2, 3]]);
    expect(graph.nodes.map(({ type }) => type)).toEqual(['MatMul']);
  });
});
