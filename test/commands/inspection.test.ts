import { describe, expect, it } from 'vitest';
import { inspectModel } from '../../src/commands/inspection.js';
import { readModel } from '../../src/onnx/read.js';

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
});
