import { describe, expect, it } from 'vitest';
import { adviseTarget } from '../../src/commands/quantize-target.js';

describe('adviseTarget', () => {
  it('leaves method and weights as they are for a CPU with VNNI', () => {
    expect(adviseTarget({ method: 'auto' }, 'cpu', true)).toEqual({ method: 'auto', reduceRange: false, warnings: [] });
  });

  it('takes 7-bit weights for CPUs without VNNI, this one or any, unless told otherwise', () => {
    expect(adviseTarget({ method: 'auto' }, 'cpu', false).reduceRange).toBe(true);
    expect(adviseTarget({ method: 'static', target: 'cpu-portable' }, 'cpu', true).reduceRange).toBe(true);
    expect(
      adviseTarget({ method: 'static', target: 'cpu-portable', reduceRange: false }, 'cpu', true).reduceRange,
    ).toBe(false);
  });

  it('takes float16 for GPUs, and says why', () => {
    expect(adviseTarget({ method: 'auto' }, 'cuda')).toEqual({
      method: 'fp16',
      halfTarget: 'cuda',
      reduceRange: false,
      warnings: [expect.stringMatching(/^float16 was chosen for cuda: .*ORT#24807/)],
    });
  });

  it('computes in float16 only where the target does: on CPUs it is a form of storage', () => {
    expect(adviseTarget({ method: 'fp16' }, 'webgpu').halfTarget).toBe('webgpu');
    expect(adviseTarget({ method: 'fp16' }, 'cpu')).not.toHaveProperty('halfTarget');
    expect(adviseTarget({ method: 'fp16', target: 'cpu' }, 'webgpu')).not.toHaveProperty('halfTarget');
  });

  it('warns of int8 for GPUs, and where models do not run on their target', () => {
    expect(adviseTarget({ method: 'static', target: 'webgpu' }, 'cpu').warnings).toEqual([
      expect.stringMatching(/^int8 for webgpu: .*only serves to check accuracy; --method fp16/),
      expect.stringMatching(/^models ran on cpu: speed there says nothing about webgpu/),
    ]);
  });
});
