import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { StudentSpec } from '../../src/students/build.js';
import { largestWithin, type SizeLimits, sizeAt } from '../../src/students/size.js';
import { TEMPLATES } from '../../src/students/table.js';
import { INPUTS } from './inputs.js';

const specOf = (name: string, kind: keyof typeof INPUTS): StudentSpec => ({
  template: TEMPLATES.find((template) => template.name === name)!,
  ...{ input: INPUTS[kind], outputs: 10, independent: false },
});

const SPECS = [specOf('cnn', 'image'), specOf('mlp', 'vector'), specOf('gru', 'sequence')];

describe('largestWithin', () => {
  it('finds the largest size within a limit: one block more is too much', async () => {
    const limit = (most: number) => fc.integer({ min: 10, max: 20 }).map((power) => Math.min(most, 1.7 ** power * 100));
    const property = fc.asyncProperty(
      fc.constantFrom(...SPECS),
      fc.constantFrom('parameters', 'macs'),
      limit(2e6),
      async (spec, key, most) => {
        const limits: SizeLimits = { [key]: most };
        const smallest = await sizeAt(spec, spec.template.block / Math.max(...spec.template.widths));
        if (smallest[key] > most) {
          await expect(largestWithin(spec, limits)).rejects.toThrow(/has at least/);
          return;
        }
        const found = await largestWithin(spec, limits);
        expect(found[key]).toBeLessThanOrEqual(most);
        const next = await sizeAt(spec, found.scale + spec.template.block / Math.max(...spec.template.widths));
        expect(next[key]).toBeGreaterThan(most);
        expect(found.widths.every((width) => width % spec.template.block === 0)).toBe(true);
      },
    );
    await fc.assert(property, { numRuns: 8, seed: 1 });
  }, 60_000);

  it('keeps several limits', async () => {
    const spec = specOf('cnn', 'image');
    const [few, cheap] = [await largestWithin(spec, { parameters: 50_000 }), await largestWithin(spec, { macs: 2e6 })];
    const both = await largestWithin(spec, { parameters: 50_000, macs: 2e6 });
    expect(both.scale).toBe(Math.min(few.scale, cheap.scale));
  });

  it('refuses what is less than the smallest size, and tells that', async () => {
    await expect(largestWithin(specOf('cnn', 'image'), { parameters: 1000 })).rejects.toThrow(
      '--parameters: a cnn for this task has at least',
    );
  });
});
