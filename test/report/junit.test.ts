import fc from 'fast-check';
import { XMLParser, XMLValidator } from 'fast-xml-parser';
import { describe, expect, it } from 'vitest';
import { renderJunit } from '../../src/report/junit.js';
import type { Report } from '../../src/report/schema.js';
import { anyReport } from './arbitrary.js';
import { evaluateReport, quantizeReport, unlabelledReport } from './example.js';
import { richReport } from './rich-example.js';

interface TestCase {
  name: string;
  failure?: { message: string };
}

interface Suite {
  tests: string;
  failures: string;
  properties?: { property?: { name: string; value: string }[] };
  testcase?: TestCase[];
}

const LISTS: readonly string[] = ['property', 'testcase'];
const parser = new XMLParser({
  ignoreAttributes: false,
  attributeNamePrefix: '',
  parseAttributeValue: false,
  isArray: (name) => LISTS.includes(name),
});

function suiteOf(report: Report): Suite {
  const xml = renderJunit(report);
  expect(XMLValidator.validate(xml)).toBe(true);
  return (parser.parse(xml) as { testsuites: { testsuite: Suite } }).testsuites.testsuite;
}

function numbersOf({ models, comparison, training, distillation }: Report): number[] {
  const { sizeRatio, speedup, accuracyDrop } = comparison ?? {};
  const ofInterval = (interval: typeof speedup) => [interval?.value, interval?.low, interval?.high];
  return [
    ...models.flatMap(({ bytes, latency, metrics, fidelity }) => [
      bytes,
      latency?.medianMs,
      metrics?.accuracy,
      metrics?.recall.macro,
      metrics?.f1.macro,
      metrics?.agreement ?? fidelity?.agreement,
      fidelity?.sqnrDb,
    ]),
    sizeRatio,
    ...ofInterval(speedup),
    ...ofInterval(accuracyDrop),
    ...[training?.samples, training?.epochs, training?.seconds],
    ...[training?.samplesPerSecond, training?.workers, training?.bestEpoch],
    ...ofInterval(distillation?.againstAlone?.accuracyDrop),
  ].filter((value) => value !== undefined);
}

describe('renderJunit', () => {
  it('gives a file that CI systems read', async () => {
    await expect(renderJunit(richReport)).toMatchFileSnapshot('recorded/quantize.xml');
  });

  it('makes each gate a test case, and says what failed', () => {
    const { tests, failures, testcase = [] } = suiteOf(quantizeReport);
    expect([tests, failures]).toEqual(['2', '1']);
    expect(testcase.map(({ name, failure }) => [name, failure?.message])).toEqual([
      ['max-drop', undefined],
      ['max-size', 'max-size ≤ 500 kB: 741 kB'],
    ]);
    expect(suiteOf(unlabelledReport).testcase?.[0]?.failure?.message).toBe('max-drop ≤ 1.00 points: not measured');
    expect(suiteOf(evaluateReport).failures).toBe('0');
  });

  it('is well-formed and holds the figures of any report exactly', () => {
    fc.assert(
      fc.property(anyReport, (report) => {
        const { tests, failures, properties, testcase = [] } = suiteOf(report);
        expect(Number(tests)).toBe(report.gates.length);
        expect(Number(failures)).toBe(report.gates.filter(({ passed }) => !passed).length);
        expect(testcase).toHaveLength(report.gates.length);
        expect(testcase.map(({ failure }) => failure === undefined)).toEqual(report.gates.map(({ passed }) => passed));
        const values = properties?.property?.map(({ value }) => Number(value)) ?? [];
        expect(values).toEqual(numbersOf(report));
      }),
      { numRuns: 300 },
    );
  });

  it('replaces what XML does not allow', () => {
    const xml = renderJunit({ ...quantizeReport, warnings: ['a\u0000b\u001b[31m ]]> \ud800 😀 <&>'] });
    expect(XMLValidator.validate(xml)).toBe(true);
    expect(xml).toContain('warning: a b [31m ]]&gt; \ufffd 😀 &lt;&amp;&gt;');
  });
});
