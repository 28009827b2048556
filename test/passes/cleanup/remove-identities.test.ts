import { describe, expect, it } from 'vitest';
import { castLikeToCast } from '../../../src/passes/cleanup/cast-like-to-cast.js';
import { removeIdentities } from '../../../src/passes/cleanup/remove-identities.js';
import { cleaned } from './cleaned.js';

const CHANGES_NOTHING: Record<string, string> = {
  Identity: 'z = Identity (x)',
  Dropout: 'z = Dropout (x)',
  Cast: 'z = Cast <to = 1> (x)',
  CastLike: 'z = CastLike (x, x)',
  'Reshape to the same shape': 's = Shape (x)  z = Reshape (x, s)',
  'Squeeze of an Unsqueeze': 'u = Unsqueeze (x, one)  z = Squeeze (u, one)',
  'Transposes that cancel': 'u = Transpose <perm = [1, 0]> (x)  z = Transpose <perm = [1, 0]> (u)',
  'Pad by nothing': 'z = Pad (x, zeros4)',
  'Slice of everything': 'z = Slice (x, zeros, far, axes)',
  'Expand to the same shape': 's = Shape (x)  z = Expand (x, s)',
  Mul: 'z = Mul (ones, x)',
  Add: 'z = Add (x, nothing)',
  Div: 'z = Div (x, ones)',
  Sub: 'z = Sub (x, nothing)',
  'Concat of one': 'z = Concat <axis = 0> (x)',
};

const CHANGES_SOMETHING: Record<string, string> = {
  'Cast to another type': 'c = Cast <to = 11> (x)  z = Cast <to = 1> (c)',
  'Mul that broadcasts': 'z = Mul (x, wide)',
  'Div of one': 'z = Div (ones, x)',
  'Sub from zero': 'z = Sub (nothing, x)',
  'Slice backwards': 'z = Slice (x, minus, start, axes0, minus)',
  'Dropout whose mask is used': 'd, m = Dropout (x)  z = Where (m, d, x)',
  'Transposes that do not cancel': 'u = Transpose (x)  v = Relu (u)  z = Transpose (v)',
};

/** A graph in which `middle` makes z from x, with the constants that the cases name. */
function model(middle: string): string {
  return `g (float[N, 3] x) => (float y)
    <float nothing = {0}, float[3] ones = {1, 1, 1}, float[2, 1, 1] wide = {1, 1}, int64[1] one = {1},
     int64[4] zeros4 = {0, 0, 0, 0}, int64[2] zeros = {0, 0}, int64[2] far = {2147483647, 3}, int64[2] axes = {0, 1},
     int64[1] axes0 = {0}, int64[1] minus = {-1}, int64[1] start = {-9999}>
    { ${middle}  y = Neg (z) }`;
}

describe('remove-identities', () => {
  it.each(Object.entries(CHANGES_NOTHING))('removes %s', async (_, middle) => {
    const { model: result } = await cleaned(model(middle), removeIdentities);
    const neg = result.graph.nodes.find((node) => node.type === 'Neg')!;
    expect(neg.inputs).toEqual(['x']);
  });

  it.each(Object.entries(CHANGES_SOMETHING))('keeps %s', async (_, middle) => {
    const { records } = await cleaned(model(middle), removeIdentities);
    expect(records[0]!.changed).toBe(0);
  });

  it('keeps the names of inputs and outputs', async () => {
    const { lines } = await cleaned(
      `g (float[2] x) => (float[2] y, float[2] z, float[2] w) {
        a = Relu (x)  y = Identity (a)  z = Neg (a)  w = Identity (x)
      }`,
      removeIdentities,
    );
    expect(lines).toEqual(['y = Relu(x)', 'z = Neg(y)', 'w = Identity(x)']);
  });

  it('merges transposes, and reshapes that copy no dimension', async () => {
    const { lines, model: result } = await cleaned(
      `g (float[N, 2, 6] x) => (float y, float z) <int64[2] flat = {-1, 12}, int64[3] cubes = {-1, 3, 4}, int64[3] copy = {0, 0, 4}> {
        a = Transpose <perm = [0, 2, 1]> (x)
        y = Transpose <perm = [1, 2, 0]> (a)
        b = Reshape (x, flat)
        z = Reshape (b, cubes)
      }`,
      removeIdentities,
    );
    expect(lines).toContain('y = Transpose(x)');
    expect(lines).toContain('z = Reshape(x, cubes)');
    expect(result.graph.nodes.find((node) => node.outputs[0] === 'y')!.ints('perm')).toEqual([2, 1, 0]);
  });
});

describe('cast-like-to-cast', () => {
  it('casts to the type of the other value', async () => {
    const { lines, model: result } = await cleaned(
      'g (int32[N] x, float16[1] like) => (float16[N] y) { y = CastLike (x, like) }',
      castLikeToCast,
    );
    expect(lines).toEqual(['y = Cast(x)']);
    expect(result.graph.nodes[0]!.int('to')).toBe(10);
  });
});
