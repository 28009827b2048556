import { describe, expect, it } from 'vitest';
import type { NamedValues } from '../../../src/ir/types.js';
import { cleanupPasses, gemmToMatMulAdd, matMulAddToGemm } from '../../../src/passes/cleanup/index.js';
import { difference, hasTestData, type RecordedTest, recordedTests } from '../onnx-testdata.js';
import { outputsOf, problemAfter, withConstantInputs, withSymbolicInputs } from './same-outputs.js';

/** One model in so many is taken, to stay within a minute; `CLEANUP_SWEEP=1` takes all. */
const STEP = Number(process.env.CLEANUP_SWEEP ?? 3);

const alone = new Map([...cleanupPasses, gemmToMatMulAdd, matMulAddToGemm].map((pass) => [pass.name, [pass]]));
const ways = new Map([...alone, ['all', cleanupPasses]]);

async function reproduces({ model, feeds, outputs }: RecordedTest): Promise<NamedValues | undefined> {
  try {
    const found = await outputsOf(model, feeds);
    return Object.entries(outputs).every(([name, value]) => difference(found[name], value) < 1e-2) ? found : undefined;
  } catch {
    return undefined;
  }
}

describe.skipIf(!hasTestData)("the outputs that ONNX's own tests record (Debian: libonnx-testdata)", () => {
  it('come out after every pass and after all of them', { timeout: 600_000 }, async () => {
    const problems: string[] = [];
    let checked = 0;
    let count = 0;
    for (const test of recordedTests()) {
      if (count++ % STEP) continue;
      const expected = await reproduces(test);
      if (!expected) continue;
      checked++;
      const forms = [
        ['as is', test.model, test.feeds],
        ['with symbols', withSymbolicInputs(test.model), test.feeds],
        ['with constants', withConstantInputs(test.model, test.feeds), {}],
      ] as const;
      for (const [name, passes] of ways)
        for (const [form, model, feeds] of forms) {
          const problem = await problemAfter(passes, model, feeds, expected);
          if (problem) problems.push(`${test.name} ${form}, ${name}: ${problem}`);
        }
    }
    expect(problems).toEqual([]);
    expect(checked).toBeGreaterThan(50);
  });
});
