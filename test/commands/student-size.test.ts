import { describe, expect, it } from 'vitest';
import { fastEnough, sizeOf } from '../../src/commands/student-size.js';
import type { StudentSpec } from '../../src/students/build.js';
import { sizeAt } from '../../src/students/size.js';
import { TEMPLATES } from '../../src/students/table.js';
import { INPUTS } from '../students/inputs.js';

const spec: StudentSpec = {
  template: TEMPLATES.find(({ name }) => name === 'mlp')!,
  ...{ input: INPUTS.vector, outputs: 10, independent: false },
};

describe('sizeOf', () => {
  it('takes the size that is named, or the largest within a limit below it', async () => {
    expect((await sizeOf(spec, { scale: 0.5, limits: {} })).widths).toEqual([128, 64]);
    const small = await sizeOf(spec, { scale: 0.5, limits: { bytes: 30_000 } });
    expect(small.bytes).toBeLessThanOrEqual(30_000);
    expect((await sizeOf(spec, { scale: 0.5, limits: { bytes: 1e9 } })).scale).toBe(0.5);
  });

  it('is below that of a teacher in parameters and bytes, whatever is asked', async () => {
    const { parameters, bytes } = await sizeAt(spec, 0.5);
    const wanted = [
      { scale: 0.5, limits: {} },
      { scale: undefined, limits: { parameters: 1e6 } },
    ];
    for (const one of wanted) {
      const fewer = await sizeOf(spec, { ...one, teacher: { parameters, bytes: 1e9 } });
      const lighter = await sizeOf(spec, { ...one, teacher: { parameters: 1e9, bytes } });
      for (const { widths } of [fewer, lighter]) expect(widths).toEqual([112, 48]);
      const larger = { parameters: parameters + 1, bytes: bytes + 1 };
      expect((await sizeOf(spec, { ...one, teacher: larger })).widths).toEqual([128, 64]);
    }
    const least = { scale: 0.5, limits: { parameters: 2000 }, teacher: { parameters, bytes } };
    expect((await sizeOf(spec, least)).parameters).toBeLessThanOrEqual(2000);
    await expect(sizeOf(spec, { scale: 0.5, limits: {}, teacher: { parameters: 50, bytes: 700 } })).rejects.toThrow(
      /^--student auto: a mlp for this task has at least [\d,]+ parameters in .*B, its teacher 50 parameters in 700 B; prune or quantize/,
    );
  });
});

describe('fastEnough', () => {
  it('makes a student narrower until it is, in few steps', async () => {
    const measured: number[] = [];
    const found = await fastEnough(spec, await sizeAt(spec, 1), 0.25, async ({ scale, macs }) => {
      measured.push(scale);
      return macs / 100_000;
    });
    expect(found.macs).toBeLessThanOrEqual(25_000);
    expect(measured.length).toBeLessThan(4);
    expect(measured).toEqual([...measured].sort((a, b) => b - a));
  });

  it('refuses where the narrowest is too slow', async () => {
    await expect(fastEnough(spec, await sizeAt(spec, 1), 1, async () => 5)).rejects.toThrow(
      '--max-latency: a mlp for this task takes at least 5.00 ms',
    );
  });
});
