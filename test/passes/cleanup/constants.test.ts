import { describe, expect, it } from 'vitest';
import { commonSubexpressions } from '../../../src/passes/cleanup/common-subexpressions.js';
import { constantsToInitializers } from '../../../src/passes/cleanup/constants-to-initializers.js';
import { deduplicateInitializers } from '../../../src/passes/cleanup/deduplicate-initializers.js';
import { initializersOutOfInputs } from '../../../src/passes/cleanup/initializers-out-of-inputs.js';
import { removeDeadNodes } from '../../../src/passes/cleanup/remove-dead-nodes.js';
import { cleaned } from './cleaned.js';

describe('constants-to-initializers', () => {
  it('takes every form but a graph output', async () => {
    const { model, lines, numbers } = await cleaned(
      `g (float[2] x) => (float[2] y, int64 k) {
        a = Constant <value = float[2] {1, 2}> ()
        b = Constant <value_float = 0.5> ()
        k = Constant <value_int = 7> ()
        s = Add (x, a)
        y = Mul (s, b)
      }`,
      constantsToInitializers,
    );
    expect(lines).toEqual(['k = Constant()', 's = Add(x, a)', 'y = Mul(s, b)']);
    expect(numbers('a')).toEqual([1, 2]);
    expect(model.graph.initializers.get('b')).toMatchObject({ name: 'b', type: 'float32', dims: [] });
  });

  it('works inside a branch', async () => {
    const { model } = await cleaned(
      `g (bool c, float[1] x) => (float[1] y) {
        y = If (c) <
          then_branch = t () => (float[1] p) { one = Constant <value = float[1] {1}> () p = Add (x, one) },
          else_branch = e () => (float[1] q) { q = Identity (x) }
        >
      }`,
      constantsToInitializers,
    );
    const [branch] = model.graph.nodes[0]!.subgraphs();
    expect(branch!.nodes.map((node) => node.type)).toEqual(['Add']);
    expect([...branch!.initializers.keys()]).toEqual(['one']);
  });
});

describe('initializers-out-of-inputs', () => {
  it('says what a caller could override', async () => {
    const { model, records } = await cleaned(
      'g (float[2] x, float[2] w) => (float[2] y) <float[2] w = {1, 2}> { y = Add (x, w) }',
      initializersOutOfInputs,
    );
    expect(model.graph.inputs.map((input) => input.name)).toEqual(['x']);
    expect(records[0]!.notes).toEqual(['callers can no longer override initializers (1): w']);
  });

  it('raises the IR version that knows no other initializers', async () => {
    const { model, records } = await cleaned(
      `<ir_version: 3, opset_import: ["": 8]>
       g (float[2] x, float[2] w) => (float[2] y) <float[2] w = {1, 2}> { y = Add (x, w) }`,
      initializersOutOfInputs,
    );
    expect([model.irVersion, model.graph.inputs.length, records[0]!.notes]).toEqual([4n, 1, []]);
  });
});

describe('deduplicate-initializers', () => {
  it('keeps one of equal type, shape and content', async () => {
    const { model, lines } = await cleaned(
      `g (float[2] x) => (float[2] y)
       <float[2] a = {1, 2}, float[2] b = {1, 2}, float[2] c = {1, 3}, double[2] d = {1, 2}, float[1, 2] e = {1, 2}>
       { s = Add (x, a)  t = Mul (s, b)  y = Sub (t, c) }`,
      deduplicateInitializers,
    );
    expect(lines).toEqual(['s = Add(x, a)', 't = Mul(s, a)', 'y = Sub(t, c)']);
    expect([...model.graph.initializers.keys()]).toEqual(['a', 'c', 'd', 'e']);
  });
});

describe('common-subexpressions', () => {
  it('merges what is equal, and what follows from it', async () => {
    const { lines } = await cleaned(
      `g (float[2] x) => (float[2] y) {
        a = Relu (x)
        b = Relu (x)
        c = LeakyRelu <alpha = 0.1> (a)
        d = LeakyRelu <alpha = 0.1> (b)
        e = LeakyRelu <alpha = 0.2> (b)
        f = Add (c, d)
        y = Add (f, e)
      }`,
      commonSubexpressions,
    );
    expect(lines).toEqual(['a = Relu(x)', 'c = LeakyRelu(a)', 'e = LeakyRelu(a)', 'f = Add(c, c)', 'y = Add(f, e)']);
  });

  it('draws random numbers as often as before', async () => {
    const { lines } = await cleaned(
      'g (float[2] x) => (float[2] y) { a = RandomNormalLike (x)  b = RandomNormalLike (x)  y = Sub (a, b) }',
      commonSubexpressions,
    );
    expect(lines).toHaveLength(3);
  });
});

describe('remove-dead-nodes', () => {
  it('removes what no output needs, in branches too, and what only that needed', async () => {
    const { model, lines } = await cleaned(
      `g (bool c, float[1] x) => (float[1] y) <float[1] w = {1}, float[1] unused = {2}> {
        a = Add (x, w)
        b = Relu (a)
        y = If (c) <
          then_branch = t () => (float[1] p) { dead = Neg (b) p = Neg (x) },
          else_branch = e () => (float[1] q) { q = Identity (x) }
        >
      }`,
      removeDeadNodes,
    );
    expect(lines).toEqual(['y = If(c)']);
    expect(model.graph.initializers.size).toBe(0);
  });
});
