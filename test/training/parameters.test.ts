import { describe, expect, it } from 'vitest';
import { Tensor } from '../../src/ir/tensor.js';
import { findParameters, layOut, slice } from '../../src/training/parameters.js';
import { graphOf } from '../ops/gradients/check-gradient.js';

const namesIn = (text: string, opset = 18) => findParameters(graphOf(text, opset)).map(({ name }) => name);

describe('findParameters', () => {
  it('finds weights, biases and norms in the order in which the graph uses them', () => {
    const found = findParameters(
      graphOf(`f (float[n,2] x) => (float[n,3] y)
        <float[3,2] second = {1,2,3,4,5,6}, float[2,2] first = {1,2,3,4}, float[2] bias = {1,2}, float[3] scale = {1,1,1}>
        {
          a = Gemm(x, first, bias)
          b = Relu(a)
          c = Gemm<transB = 1>(b, second)
          y = Mul(c, scale)
        }`),
    );
    expect(found.map(({ name, depth, decays, consumer }) => [name, depth, decays, consumer.type])).toEqual([
      ['first', 0, true, 'Gemm'],
      ['bias', 0, false, 'Gemm'],
      ['second', 1, true, 'Gemm'],
      ['scale', 2, false, 'Mul'],
    ]);
  });

  it('a weight that several layers share counts once, with the first', () => {
    const found = findParameters(
      graphOf(`f (float[n,2] x) => (float[n,2] y) <float[2,2] w = {1,2,3,4}, float[2,2] v = {1,2,3,4}>
        { a = MatMul(x, w) b = MatMul(a, v) y = MatMul(b, w) }`),
    );
    expect(found.map(({ name, depth }) => [name, depth])).toEqual([
      ['w', 0],
      ['v', 1],
    ]);
  });

  it('what keeps the root of a variance from zero is none, whatever its shape', () => {
    const text = `f (float[n,2] x) => (float[n,1] y)
      <float[2,2] w = {1,2,3,4}, float[1,1] epsilon = {0.001}, float[2,1] v = {1,2}, float[1] bias = {1}>
      {
        h = MatMul(x, w) square = Mul(h, h) variance = Add(square, epsilon)
        root = Sqrt(variance) part = Div(h, root) z = MatMul(part, v) y = Add(z, bias)
      }`;
    expect(namesIn(text)).toEqual(['w', 'v', 'bias']);
  });

  it('the window of a Fourier transform is none', () => {
    const text = `f (float[n,64,1] x) => (float[n,f,9,3] y) <int64 step = {8}, float[16] window = {${Array(16).fill(0.5)}},
      float[2,3] w = {1,2,3,4,5,6}> { s = STFT(x, step, window) y = MatMul(s, w) }`;
    expect(namesIn(text)).toEqual(['w']);
  });

  it('filters whose product the logarithm is taken of are none: they must not become negative', () => {
    const text = (
      filters: string,
    ) => `f (float[n,f,3] x) => (float[n,2,f] y) <float[3,2] filters = ${filters}, float floor = {0.1}>
      { m = MatMul(x, filters) t = Transpose<perm = [0,2,1]>(m) c = Max(t, floor) y = Log(c) }`;
    expect(namesIn(text('{1,0,0.5,0.5,0,1}'))).toEqual([]);
    expect(namesIn(text('{1,0,-0.5,0.5,0,1}'))).toEqual(['filters']);
  });

  it('looks behind nodes that hand a weight on', () => {
    const [found] = findParameters(
      graphOf(`f (float[n,2] x) => (float[n,3] y) <float[3,2] w = {1,2,3,4,5,6}>
        { t = Transpose<perm = [1,0]>(w) i = Identity(t) y = MatMul(x, i) }`),
    );
    expect([found!.name, found!.consumer.outputs]).toEqual(['w', ['y']]);
  });

  it('looks behind what is computed from constants alone: here a weight of unit length', () => {
    const found = findParameters(
      graphOf(`f (float[n,2] x) => (float[n,2] y) <float[2,2] direction = {1,2,3,4}, float[2] length = {1,1}>
        {
          r = Relu(x)
          norm = ReduceL2<keepdims = 0>(direction)
          unit = Div(direction, norm)
          weight = Mul(unit, length)
          y = MatMul(r, weight)
        }`),
    );
    expect(found.map(({ name, depth, consumer }) => [name, depth, consumer.type])).toEqual([
      ['direction', 0, 'MatMul'],
      ['length', 0, 'MatMul'],
    ]);
  });

  it('takes weights from Constant nodes, but no single numbers', () => {
    const text = `f (float[n,2] x) => (float[n,2] y) {
      w = Constant<value = float[2,2] {1,2,3,4}>()
      one = Constant<value = float[1] {1}>()
      a = MatMul(x, w)
      y = Mul(a, one)
    }`;
    expect(namesIn(text)).toEqual(['w']);
  });

  it('scalars are none, but an initializer of one element with a shape may be one', () => {
    const text = `f (float[n,2] x) => (float[n,1] y) <float[2,1] w = {1,2}, float[1] bias = {1}, float half = {0.5}>
      { a = MatMul(x, w) b = Add(a, bias) y = Mul(b, half) }`;
    expect(namesIn(text)).toEqual(['w', 'bias']);
  });

  it('running statistics and settings of operators are none', () => {
    const text = `f (float[n,2,4,4] x) => (float[n,2,a,b] y)
      <float[2] scale = {1,1}, float[2] shift = {0,0}, float[2] mean = {0,0}, float[2] variance = {1,1},
       float[4] sizes = {1,1,2,2}, float[2,1,1] exponent = {1,2}, float[0] roi = {}>
      {
        a = BatchNormalization(x, scale, shift, mean, variance)
        b = Pow(a, exponent)
        y = Resize(b, roi, sizes)
      }`;
    expect(namesIn(text)).toEqual(['scale', 'shift']);
  });

  it('neither are they behind an Identity, as exporters that join equal constants write them', () => {
    const text = `f (float[n,2] x) => (float[n,2] y) <float[2] ones = {1,1}, float[2] zeros = {0,0}>
      {
        variance = Identity(ones)
        mean = Identity(zeros)
        a = Relu(x)
        b = BatchNormalization(a, ones, zeros, zeros, ones)
        y = BatchNormalization(b, ones, zeros, mean, variance)
      }`;
    expect(namesIn(text)).toEqual(['ones', 'zeros']);
    const apart = `f (float[n,2] x, float[2] s) => (float[n,2] y) <float[2] ones = {1,1}, float[2] zeros = {0,0}>
      {
        variance = Identity(ones)
        y = BatchNormalization(x, s, s, zeros, variance)
      }`;
    expect(namesIn(apart)).toEqual([]);
  });

  it('masks are none', () => {
    const text = `f (float[n,2] x) => (float[n,2] y)
      <float[2,2] w = {1,2,3,4}, float[2,2] causal = {0,-3.4e38,0,0}, float[2] large = {0,-10000}>
      { a = MatMul(x, w) b = Add(a, causal) y = Add(b, large) }`;
    expect(namesIn(text)).toEqual(['w']);
  });

  it('what shifts or scales an input before the first layer is none', () => {
    const text = `f (float[n,2] x) => (float[n,2] y)
      <float[2] mean = {0.4,0.5}, float[2] deviation = {2,2}, float[2,2] w = {1,2,3,4}, float[2] bias = {1,1}>
      {
        shifted = Sub(x, mean)
        shaped = Identity(shifted)
        scaled = Div(shaped, deviation)
        a = MatMul(scaled, w)
        y = Add(a, bias)
      }`;
    expect(namesIn(text)).toEqual(['w', 'bias']);
  });

  it('but what is added to a layer of an input is one', () => {
    const text = `f (int64[n,3] ids) => (float[n,3,2] y) <float[9,2] words = {${Array(18).fill(1)}}, float[3,2] places = {1,2,3,4,5,6}>
      { a = Gather(words, ids) y = Add(a, places) }`;
    expect(namesIn(text)).toEqual(['words', 'places']);
  });

  it('integers, halves, doubles and quantization scales are none', () => {
    const text = `f (float[n,2] x) => (float[n,2] y)
      <int8[2,2] q = {1,2,3,4}, float[2] scales = {0.5,0.5}, double[2] d = {1,2}, float16[2] h = {1,2}, int64[2] shape = {0,-1}>
      { w = DequantizeLinear<axis = 0>(q, scales) a = MatMul(x, w) y = Reshape(a, shape) }`;
    expect(namesIn(text, 21)).toEqual([]);
  });

  it('constants that only a branch uses are none', () => {
    const text = `f (bool c, float[2] x) => (float[2] y) <float[2] w = {1,2}> {
      y = If(c) <
        then_branch = t () => (float[2] p) { p = Add(x, w) },
        else_branch = e () => (float[2] q) { q = Identity(x) }
      >
    }`;
    expect(namesIn(text)).toEqual([]);
  });
});

describe('layOut', () => {
  const tensor = (name: string, dims: number[]) => ({
    name,
    tensor: Tensor.from(name, 'float32', dims, Array(dims.reduce((a, b) => a * b, 1)).fill(1)),
  });

  it('puts parameters one after the other', () => {
    const layout = layOut([tensor('w', [2, 3]), tensor('b', [3]), tensor('s', [1])]);
    expect(layout).toEqual({
      length: 10,
      slots: [
        { name: 'w', dims: [2, 3], offset: 0, length: 6 },
        { name: 'b', dims: [3], offset: 6, length: 3 },
        { name: 's', dims: [1], offset: 9, length: 1 },
      ],
    });
    const vector = Float32Array.from({ length: 10 }, (_, k) => k);
    slice(vector, layout.slots[1]!)[0] = -1;
    expect([...vector.subarray(6, 9)]).toEqual([-1, 7, 8]);
  });

  it('of nothing is empty', () => {
    expect(layOut([])).toEqual({ slots: [], length: 0 });
  });
});
