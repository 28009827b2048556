import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { captures, Graph } from '../../src/ir/graph.js';
import { Node } from '../../src/ir/node.js';
import { parseModel } from '../../src/onnx/text.js';

const HEADER = '<ir_version: 8, opset_import: ["": 17]>';

/** An If inside a Loop: the Loop's body takes `outer`, the branches take `outer`, `inner` and the body's `state_in`. */
const NESTED = `${HEADER}
  g (float[2] x, int64 count, bool go) => (float[2] y) {
    outer = Relu (x)
    y = Loop <body = body (int64 i, bool keep_in, float[2] state_in) => (bool keep, float[2] state) {
      keep = Identity (keep_in)
      inner = Add (state_in, outer)
      state = If (keep) <
        then_branch = yes () => (float[2] t) { t = Mul (inner, outer) },
        else_branch = no () => (float[2] e) { e = Sub (inner, state_in) }
      >
    }> (count, go, x)
  }`;

const order = (graph: Graph) => graph.nodes.map((node) => node.outputs[0]);

describe('index', () => {
  it('names producer and consumers of a value, captures included', () => {
    const { graph } = parseModel(NESTED);
    const { producer, consumers, outputs } = graph.index();
    expect(producer.get('outer')?.op).toBe('Relu');
    expect(consumers.get('outer')?.map((node) => node.op)).toEqual(['Loop']);
    expect(consumers.get('x')?.map((node) => node.op)).toEqual(['Relu', 'Loop']);
    expect(consumers.has('inner')).toBe(false);
    expect([...outputs]).toEqual(['y']);
  });

  it('counts a node once that takes a value twice', () => {
    const { graph } = parseModel(`${HEADER} g (float x) => (float y) { y = Add (x, x) }`);
    expect(graph.index().consumers.get('x')).toHaveLength(1);
  });
});

describe('captures', () => {
  it('are the values that a subgraph takes from outside', () => {
    const loop = parseModel(NESTED).graph.nodes[1]!;
    const [body] = loop.subgraphs();
    expect([...captures(body!)]).toEqual(['outer']);
    const branches = body!.nodes[2]!.subgraphs();
    expect(branches.map((branch) => [...captures(branch)])).toEqual([
      ['inner', 'outer'],
      ['inner', 'state_in'],
    ]);
  });

  it('hold a value that a subgraph only passes on', () => {
    const { graph } = parseModel(`${HEADER} g (bool c, float x) => (float y) {
      y = If (c) <then_branch = t () => (float x) {}, else_branch = e () => (float x) {}>
    }`);
    expect([...captures(graph.nodes[0]!.subgraphs()[0]!)]).toEqual(['x']);
  });
});

describe('replaceUses', () => {
  it('reaches captures at every depth', () => {
    const { graph } = parseModel(NESTED);
    graph.replaceUses('outer', 'x');
    const body = graph.nodes[1]!.subgraphs()[0]!;
    expect(body.nodes[1]!.inputs).toEqual(['state_in', 'x']);
    expect(body.nodes[2]!.subgraphs()[0]!.nodes[0]!.inputs).toEqual(['inner', 'x']);
  });

  it('leaves a value of the same name alone that a subgraph defines itself', () => {
    const { graph } = parseModel(`${HEADER} g (bool c, float x) => (float y) {
      a = Relu (x)
      b = Neg (a)
      y = If (c) <
        then_branch = t () => (float r) { a = Abs (b)  r = Neg (a) },
        else_branch = e () => (float s) { s = Neg (a) }
      >
    }`);
    graph.replaceUses('a', 'x');
    const [yes, no] = graph.nodes[2]!.subgraphs();
    expect(yes!.nodes[1]!.inputs).toEqual(['a']);
    expect(no!.nodes[0]!.inputs).toEqual(['x']);
  });

  it('renames an inner value that would hide the replacement', () => {
    const { graph } = parseModel(`${HEADER} g (bool c, float x) => (float y) {
      a = Relu (x)
      y = If (c) <
        then_branch = t () => (float b) { b = Neg (a) },
        else_branch = e () => (float s) { s = Neg (a) }
      >
    }`);
    graph.replaceUses('a', 'b');
    const yes = graph.nodes[1]!.subgraphs()[0]!;
    expect(yes.nodes[0]).toMatchObject({ inputs: ['b'], outputs: ['b_inner1'] });
    expect(yes.outputs[0]!.name).toBe('b_inner1');
  });

  it('follows chains when it replaces many values at once', () => {
    const { graph } = parseModel(`${HEADER} g (float x) => (float y) {
      a = Identity (x)  b = Identity (a)  c = Identity (b)  y = Add (b, c)
    }`);
    const inputs = (names: [string, string][]) => {
      graph.replaceAllUses(new Map(names));
      return graph.nodes[3]!.inputs;
    };
    expect(() =>
      inputs([
        ['b', 'c'],
        ['c', 'b'],
      ]),
    ).toThrow('go in a circle');
    expect(
      inputs([
        ['c', 'b'],
        ['b', 'a'],
        ['a', 'x'],
      ]),
    ).toEqual(['x', 'x']);
  });
});

describe('sort', () => {
  it('puts producers first and keeps the order elsewhere', () => {
    const { graph } = parseModel(`${HEADER} g (float x) => (float y) {
      y = Add (b, c)  c = Neg (x)  b = Abs (x)  unused = Relu (x)
    }`);
    graph.sort();
    expect(order(graph)).toEqual(['b', 'c', 'y', 'unused']);
  });

  it('counts captures as inputs', () => {
    const { graph } = parseModel(`${HEADER} g (bool c, float x) => (float y) {
      y = If (c) <then_branch = t () => (float r) { r = Neg (a) }, else_branch = e () => (float s) { s = Abs (x) }>
      a = Relu (x)
    }`);
    graph.sort();
    expect(order(graph)).toEqual(['a', 'y']);
  });

  it('names a node of a cycle', () => {
    const { graph } = parseModel(`${HEADER} g (float x) => (float y) { a = Add (x, b)  b = Neg (a)  y = Abs (b) }`, {
      check: false,
    });
    expect(() => graph.sort()).toThrow('node a: the graph has a cycle; export the model again: a cycle cannot be run');
  });

  it('sorts any shuffled graph, and leaves a sorted one as it is', () => {
    const shuffled = fc.array(fc.array(fc.nat(30), { maxLength: 4 }), { minLength: 1, maxLength: 30 }).chain((needs) =>
      fc.tuple(
        fc.constant(needs),
        fc.shuffledSubarray(
          needs.map((_, i) => i),
          { minLength: needs.length },
        ),
      ),
    );
    fc.assert(
      fc.property(shuffled, ([needs, places]) => {
        const made = needs.map((list, i) => {
          const inputs = i ? list.map((need) => `v${need % i}`) : [];
          return new Node({ op: 'Sum', inputs, outputs: [`v${i}`] });
        });
        const graph = new Graph();
        graph.nodes = places.map((i) => made[i]!);
        graph.sort();
        const position = new Map(order(graph).map((name, i) => [name, i]));
        for (const node of graph.nodes)
          for (const input of node.inputs) expect(position.get(input)).toBeLessThan(position.get(node.outputs[0])!);
        const sorted = [...graph.nodes];
        graph.sort();
        expect(graph.nodes).toEqual(sorted);
      }),
    );
  });

  it('takes a chain of 50,000 nodes in its stride, whichever way round', () => {
    const graph = new Graph();
    graph.nodes = Array.from(
      { length: 50_000 },
      (_, i) => new Node({ op: 'Relu', inputs: [`v${i}`], outputs: [`v${i + 1}`] }),
    );
    const sorted = [...graph.nodes];
    graph.nodes.reverse();
    graph.sort();
    expect(graph.nodes.every((node, i) => node === sorted[i])).toBe(true);
  });
});
