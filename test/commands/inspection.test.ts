import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Chalk } from 'chalk';
import { describe, expect, it, onTestFinished } from 'vitest';
import { renderInspection } from '../../src/commands/inspect-view.js';
import { inspectModel } from '../../src/commands/inspection.js';
import type { Model } from '../../src/ir/model.js';
import { readModel } from '../../src/onnx/read.js';
import { encodeModel } from '../../src/onnx/write.js';
import { withExits } from '../../src/passes/exits/design.js';
import { parse } from '../passes/exits/run.js';

/** A model as it is read from a file. */
function reread(model: Model): Model {
  const folder = mkdtempSync(join(tmpdir(), 'nncompress-inspection-'));
  onTestFinished(() => rmSync(folder, { recursive: true }));
  const path = join(folder, 'model.onnx');
  writeFileSync(path, encodeModel(model));
  return readModel(path);
}

describe('inspectModel', () => {
  it('looks through what exporters compute of constants: biases that are expanded, weights whose shape is asked', async () => {
    const model = readModel('fixtures/digits-dscnn/model.onnx');
    expect(model.graph.nodes.some(({ type }) => type === 'CastLike')).toBe(true);
    const { refused, opportunities, cost } = await inspectModel(model, []);
    expect(refused).toEqual([]);
    expect(opportunities.map(({ family, nodes }) => [family, nodes])).toEqual([
      ['conv', 5],
      ['depthwise', 4],
      ['dense', 1],
    ]);
    const [first] = cost.operators;
    expect([first?.type, first?.count]).toEqual(['Conv', 9]);
    expect(first?.parameters).toBe(25_344);
  });

  it('shows weights that are integers under the name of their layer', async () => {
    const model =
      parse(`f (float[n,2] x) => (float[n,2] y) <int8[2,2] q0 = {1,0,0,1}, float q1 = {0.5}, float[2,2] w = {1,0,0,1}> {
      q2 = DequantizeLinear(q0, q1)
      a = MatMul(x, q2)
      y = MatMul(a, w)
    }`);
    model.graph.nodes[1]!.name = 'block/first';
    const text = renderInspection(await inspectModel(reread(model), []), new Chalk({ level: 0 }), 200).join('\n');
    const rows = text.split('Largest weights\n')[1]!.split('\n').slice(0, 2);
    expect(rows.map((row) => row.trim().split(/\s+/).slice(0, 2))).toEqual([
      ['w', 'float32'],
      ['block/first', 'int8'],
    ]);
  });

  it('counts of a model that samples may leave early what runs at most', async () => {
    const graph = `f (float[n,2] x) => (float[n,2] y) <float[2,2] one = {1,0,0,1}, float[2,2] ten = {10,0,0,10}> {
      a = MatMul(x, one)
      y = MatMul(a, ten)
    }`;
    const model = await withExits(parse(graph), {
      ...{ output: 'y', macs: 8, costs: [0.5, 1], thresholds: [0.5], measure: 'margin' },
      form: { kind: 'single-label', probabilities: false, width: 2 },
      exits: [
        { name: 'first', scores: 'a', temperature: 1 },
        { name: 'last', scores: 'y', temperature: 1 },
      ],
    });
    const inspection = await inspectModel(reread(model), []);
    expect([inspection.cost.macs, inspection.cost.unknown, inspection.leavesEarly]).toEqual([8, [], true]);
    expect(inspection.cost.operators[0]).toMatchObject({ type: 'MatMul', count: 2, macs: 8 });
    expect(renderInspection(inspection, new Chalk({ level: 0 }), 200).join('\n')).toMatch(
      /at most 8 MACs.*through all exits/s,
    );
  });
});
