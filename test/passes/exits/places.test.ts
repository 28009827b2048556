import { describe, expect, it } from 'vitest';
import { measureCost } from '../../../src/analysis/cost.js';
import type { Node } from '../../../src/ir/node.js';
import { distinctPlaces, type ExitPlace, findExitPlaces, spreadPlaces } from '../../../src/passes/exits/places.js';
import { findRowAxes } from '../../../src/passes/exits/stages.js';
import { parse } from './run.js';

async function places(graph: string): Promise<ExitPlace[]> {
  const model = parse(graph);
  const { nodes } = await measureCost(model);
  const macs = ({ outputs }: Node) => nodes.get(outputs[0]!) ?? 0;
  return findExitPlaces(model, model.graph.outputs[0]!.name, await findRowAxes(model), macs);
}

const told = (found: readonly ExitPlace[]) => found.map(({ value, share }) => `${value} ${share.toFixed(2)}`);

const W = 'float[2,2] w = {1,2,3,4}';

describe('findExitPlaces', () => {
  it('finds every value of a chain, with what it took to get there', async () => {
    const found = await places(`f (float[n,2] x) => (float[n,2] y) <${W}>
      { a = MatMul(x, w) b = Relu(a) c = MatMul(b, w) d = MatMul(c, w) y = MatMul(d, w) }`);
    expect(told(found)).toEqual(['a 0.25', 'b 0.25', 'c 0.50', 'd 0.75', 'y 1.00']);
    expect(found[1]!.layout).toEqual({ kind: 'vector', width: 2 });
    expect(told(distinctPlaces(found))).toEqual(['b 0.25', 'c 0.50', 'd 0.75', 'y 1.00']);
  });

  it('passes over what lies inside a residual block', async () => {
    const found = await places(`f (float[n,2] x) => (float[n,2] y) <${W}>
      { a = MatMul(x, w) b = MatMul(a, w) c = Add(a, b) d = MatMul(c, w) e = Add(c, d) y = MatMul(e, w) }`);
    expect(told(distinctPlaces(found))).toEqual(['a 0.25', 'c 0.50', 'e 0.75', 'y 1.00']);
  });

  it('lets masks and sizes be needed later on, which cost nothing to compute', async () => {
    const found = await places(`f (float[n,t,2] x, int64[n,t] mask) => (float[n,t,2] y)
      <${W}, int64[1] last = {2}, int64[1] two = {2}>
      { wide = Unsqueeze(mask, last) m = Cast<to=1>(wide) masked = Mul(x, m)
        a = MatMul(masked, w) s = Shape<start=0, end=2>(a) shape = Concat<axis=0>(s, two)
        b = Mul(a, m) c = MatMul(b, w) d = Mul(c, m) e = Reshape(d, shape) y = MatMul(e, w) }`);
    expect(told(distinctPlaces(found))).toEqual(['b 0.33', 'e 0.67', 'y 1.00']);
    expect(found[0]!.layout).toEqual({ kind: 'sequence', width: 2, rank: 3, rowAxis: 0 });
  });

  it('wants a place to have seen all inputs', async () => {
    const found = await places(`f (float[n,2] x, float[n,2] z) => (float[n,2] y) <${W}>
      { a = MatMul(x, w) b = MatMul(a, w) c = Add(b, z) y = MatMul(c, w) }`);
    expect(told(found)).toEqual(['c 0.67', 'y 1.00']);
  });

  it('lets work be done later on that is the same for all samples', async () => {
    const found = await places(`f (float[n,2] x) => (float[n,2] y)
      <${W}, float[1,2] e = {1,2}, int64[1] zero = {0}>
      { a = MatMul(x, w) s = Shape<start=1>(x) f = Cast<to=1>(s) g = Unsqueeze(f, zero) p = Mul(e, g)
        q = MatMul(p, w) b = Add(a, q) y = MatMul(b, w) }`);
    expect(told(distinctPlaces(found))).toEqual(['a 0.33', 'b 0.67', 'y 1.00']);
  });

  it('finds none where branches run side by side', async () => {
    const found = await places(`f (float[n,2] x) => (float[n,4] y) <${W}>
      { a = MatMul(x, w) b = MatMul(a, w) c = MatMul(x, w) d = MatMul(c, w) y = Concat<axis=1>(b, d) }`);
    expect(told(found)).toEqual(['y 1.00']);
  });

  it('tells feature maps, and sequences with the samples on their second axis', async () => {
    const maps = await places(`f (float[n,1,4,4] x) => (float[n,2,2,2] y)
      <float[2,1,1,1] w = {1,2}, float[2,2,1,1] v = {1,2,3,4}>
      { a = Conv(x, w) b = Relu(a) c = MaxPool<kernel_shape=[2,2], strides=[2,2]>(b) y = Conv(c, v) }`);
    expect(maps.map(({ layout }) => layout).slice(0, 3)).toEqual([
      { kind: 'map', channels: 2, sizes: [4, 4] },
      { kind: 'map', channels: 2, sizes: [4, 4] },
      { kind: 'map', channels: 2, sizes: [2, 2] },
    ]);
    const sequence = await places(`f (float[n,3,2] x) => (float[3,n,2] y) <${W}>
      { a = Transpose<perm=[1,0,2]>(x) b = MatMul(a, w) y = MatMul(b, w) }`);
    expect(sequence[0]!.layout).toEqual({ kind: 'sequence', width: 2, rank: 3, rowAxis: 1 });
  });
});

describe('spreadPlaces', () => {
  const at = (share: number) => ({ value: `v${share}`, share }) as ExitPlace;

  it('takes those nearest to equal parts of the work, none at either end', () => {
    const all = [0.01, 0.1, 0.24, 0.3, 0.5, 0.74, 0.8, 0.95].map(at);
    expect(spreadPlaces(all, 3).map(({ share }) => share)).toEqual([0.24, 0.5, 0.74]);
    expect(spreadPlaces(all, 9).map(({ share }) => share)).toEqual([0.1, 0.24, 0.3, 0.5, 0.74, 0.8]);
  });
});
