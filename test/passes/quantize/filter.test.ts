import { describe, expect, it } from 'vitest';
import { checkFilter, excludedBy } from '../../../src/passes/quantize/filter.js';
import { surveyModel } from '../../../src/passes/quantize/plan.js';
import { graphOf } from './quantized.js';

const model = graphOf(`g (float[N, 4] x, float[4, 4] w1, float[4, 4] w2, float[4] b2) => (float[N, 4] y) {
  [first] hidden = MatMul (x, w1)
  [head] y = Gemm (hidden, w2, b2)
}`);

/** Why each node stays in float. */
function reasons(filter: Partial<Parameters<typeof excludedBy>[0]>) {
  const reason = excludedBy({ include: [], exclude: [], ...filter });
  return surveyModel(model).candidates.map(reason);
}

describe('excludedBy', () => {
  it('goes by node names and by the values they make', () => {
    expect(reasons({ exclude: ['fir*'] })).toEqual(['excluded by --exclude', undefined]);
    expect(reasons({ exclude: ['hidden'] })).toEqual(['excluded by --exclude', undefined]);
    expect(reasons({ include: ['hea?'] })).toEqual(['not among --include', undefined]);
    expect(reasons({ include: ['*'], exclude: ['head'] })).toEqual([undefined, 'excluded by --exclude']);
  });

  it('takes MatMul and Gemm for the same, as clean-up writes either', () => {
    expect(reasons({ ops: ['Gemm'] })).toEqual([undefined, undefined]);
    expect(reasons({ ops: ['Conv'] })).toEqual(Array(2).fill('its operator is not among --ops'));
  });
});

describe('checkFilter', () => {
  const check = (filter: Partial<Parameters<typeof excludedBy>[0]>) => () =>
    checkFilter({ include: [], exclude: [], ...filter }, [model]);

  it('refuses what names nothing', () => {
    expect(check({ exclude: ['head', 'haed'] })).toThrow("--exclude: 'haed' fits no node");
    expect(check({ ops: ['conv'] })).toThrow('--ops: the model has no conv; it has Gemm, MatMul');
    expect(check({ include: ['h*'], ops: ['Conv', 'Gemm'] })).not.toThrow();
  });
});
