import { describe, expect, it } from 'vitest';
import { findResidualLayers } from '../../src/analysis/residual-layers.js';
import { inferSymbolicShapes } from '../../src/analysis/symbolic-shapes.js';
import { parseModel } from '../../src/onnx/text.js';

/** The layers of a graph of `[n,4]` or `[n,s,4]` values with square weights `v` and `w`, biases `b`, and a scale `g`. */
async function layersOf(nodes: string, shape = 'n,4', outputs = `float[${shape}] y`) {
  const model = parseModel(`<ir_version: 8, opset_import: ["": 17]> f (float[${shape}] x) => (${outputs})
    <float[4,4] v = {${numbers(16)}}, float[4,4] w = {${numbers(16)}}, float[4] b = {1,2,3,4}, float[4] g = {1,1,1,1},
     float half = {0.5}, float[4,2] narrow = {${numbers(8)}}> { ${nodes} }`);
  const { facts } = await inferSymbolicShapes(model);
  const { layers, refused } = findResidualLayers(model, facts);
  return { layers: layers.map(({ input, output }) => `${input} → ${output}`), refused };
}

const numbers = (count: number) => Array.from({ length: count }, (_, k) => 0.1 * (k % 7));

/** `x + softmax(x·xᵀ)·x·w`, with an inner norm, as a layer of attention. */
const attention = (from: string, to: string) => `
  n${to} = LayerNormalization(${from}, g)
  k${to} = Transpose<perm = [0,2,1]>(n${to})
  s${to} = MatMul(n${to}, k${to})
  p${to} = Softmax<axis = -1>(s${to})
  a${to} = MatMul(p${to}, n${to})
  o${to} = MatMul(a${to}, w)
  ${to} = Add(${from}, o${to})`;

/** `x + gelu-like(x·v)·w`. */
const feedForward = (from: string, to: string) => `
  n${to} = LayerNormalization(${from}, g)
  h${to} = MatMul(n${to}, v)
  r${to} = Relu(h${to})
  o${to} = MatMul(r${to}, w)
  q${to} = Add(o${to}, b)
  ${to} = Add(q${to}, ${from})`;

describe('findResidualLayers', () => {
  it('takes the activation behind a block to it, as far as the next one', async () => {
    const { layers } = await layersOf(`
      s = MatMul(x, v) h = Relu(s)
      a1 = MatMul(h, v) a2 = Relu(a1) a3 = MatMul(a2, w) a4 = Add(a3, h) a = Relu(a4)
      b1 = MatMul(a, v) b2 = Relu(b1) b3 = MatMul(b2, w) b4 = Add(b3, a) c = Relu(b4)
      y = MatMul(c, v)`);
    expect(layers).toEqual(['h → a', 'a → c']);
  });

  it('joins attention and what follows it to a layer', async () => {
    const { layers } = await layersOf(
      `e = MatMul(x, v) ${attention('e', 'c')} ${feedForward('c', 'd')} ${attention('d', 'i')} ${feedForward('i', 'j')}
       y = LayerNormalization(j, g)`,
      'n,s,4',
    );
    expect(layers).toEqual(['e → d', 'd → j']);
  });

  it.each([
    ['in one operator', (from: string, to: string) => `${to} = LayerNormalization(${from}, g)`],
    [
      'in parts',
      (from: string, to: string) => `m${to} = ReduceMean<axes = [-1]>(${from}) c${to} = Sub(${from}, m${to})
        d${to} = Mul(c${to}, c${to}) z${to} = ReduceMean<axes = [-1]>(d${to}) t${to} = Sqrt(z${to})
        u${to} = Div(c${to}, t${to}) ${to} = Mul(u${to}, g)`,
    ],
  ])('takes the norm behind a block to it, also where no block follows: %s', async (_, norm) => {
    const block = (from: string, to: string) =>
      `h${to} = MatMul(${from}, v) r${to} = Relu(h${to}) o${to} = MatMul(r${to}, w) s${to} = Add(o${to}, ${from})
       ${norm(`s${to}`, to)}`;
    const { layers } = await layersOf(
      `q = MatMul(x, v) ${norm('q', 'e')} ${block('e', 'i')} ${block('i', 'j')}
      y = MatMul(j, narrow)`,
      'n,4',
      'float[n,2] y',
    );
    expect(layers).toEqual(['e → i', 'i → j']);
  });

  it('takes attention and feed-forward side by side for one block', async () => {
    const { layers } = await layersOf(`e = Relu(x)
      k = MatMul(e, v) s = Softmax<axis = -1>(k) o = MatMul(s, w)
      h = MatMul(e, v) r = Relu(h) f = MatMul(r, w)
      t = Add(e, o) u = Add(t, f) y = MatMul(u, v)`);
    expect(layers).toEqual(['e → u']);
  });

  it('finds none where nothing is added to itself, shapes differ, there are no weights, or the model is one block', async () => {
    const { layers, refused } = await layersOf(`
      a = MatMul(x, v) c = MatMul(x, w) s = Add(a, c)
      t = Tanh(s) u = Mul(t, half) r = Add(s, u)
      d = MatMul(r, v) m = ReduceMean<axes = [1]>(d) z = Add(r, m)
      y = Add(x, z)`);
    expect({ layers, refused }).toEqual({ layers: [], refused: [] });
  });

  it('finds the blocks inside a block, not the one around them', async () => {
    const { layers } = await layersOf(`e = Relu(x)
      a = MatMul(e, v) a1 = MatMul(a, v) a2 = Relu(a1) a3 = MatMul(a2, w) c = Add(a, a3)
      c1 = MatMul(c, v) d = Add(e, c1) y = MatMul(d, w)`);
    expect(layers).toEqual(['a → c']);
  });

  it('does not mind what is computed from the shape alone', async () => {
    const { layers } = await layersOf(`e = Relu(x)
      k = Shape(e) h = MatMul(e, v) r = Relu(h) i = Reshape(r, k) o = MatMul(i, w) s = Add(e, o)
      t = MatMul(s, v) z = Reshape(t, k) y = Relu(z)`);
    expect(layers).toEqual(['e → s']);
  });

  it('refuses a block whose inner values are used elsewhere', async () => {
    const block = `e = Relu(x) h = MatMul(e, v) r = Relu(h) o = MatMul(r, w) s = Add(e, o) t = MatMul(s, v)`;
    expect(await layersOf(`${block} [late] y = Add(t, r)`)).toEqual({
      layers: [],
      refused: [{ name: 's', reason: 'r from inside it is taken by late' }],
    });
    const { refused } = await layersOf(`${block} y = Relu(t)`, 'n,4', 'float[n,4] y, float[n,4] r');
    expect(refused).toEqual([{ name: 's', reason: 'r from inside it is taken by an output of the model' }]);
  });

  it('is named by what its nodes have in common', async () => {
    const model = parseModel(`<ir_version: 8, opset_import: ["": 17]> f (float[n,2] x) => (float[n,2] y)
      <float[2,2] v = {1,2,3,4}> { e = Relu(x) ["/net/block.0/up/MatMul"] h = MatMul(e, v)
      ["/net/block.0/up/Relu"] r = Relu(h) ["/net/block.0/Add"] s = Add(e, r) y = Relu(s) }`);
    const { facts } = await inferSymbolicShapes(model);
    expect(findResidualLayers(model, facts).layers.map(({ name }) => name)).toEqual(['/net/block.0']);
  });
});
