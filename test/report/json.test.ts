import { describe, expect, it } from 'vitest';
import { formatReport, parseReport } from '../../src/report/json.js';
import type { Report } from '../../src/report/schema.js';
import { evaluateReport, quantizeReport, unlabelledReport } from './example.js';

describe('formatReport', () => {
  it('comes back as it was', () => {
    for (const report of [quantizeReport, unlabelledReport]) expect(parseReport(formatReport(report))).toEqual(report);
    expect(parseReport(formatReport(evaluateReport))).toEqual(JSON.parse(JSON.stringify(evaluateReport)));
  });

  it('writes keys in the order of the schema, and lists of numbers on one line', () => {
    const { models, schemaVersion, ...rest } = quantizeReport;
    const text = formatReport({ models, ...rest, schemaVersion });
    expect(text).toBe(formatReport(quantizeReport));
    expect(text).toMatch(/^\{\n {2}"schemaVersion": 1,\n {2}"tool": \{/);
    expect(text).toContain('[4900, 100]');
    expect(text.endsWith('}\n')).toBe(true);
  });

  it('leaves text that looks like a list alone', () => {
    const warnings = ['[\n  1,\n  2\n]'];
    expect(parseReport(formatReport({ ...quantizeReport, warnings })).warnings).toEqual(warnings);
  });

  it.each([
    [{ seconds: Number.NaN }, /the report is not valid: seconds: /],
    [{ options: { limit: Number.POSITIVE_INFINITY } }, /the report is not valid: limit is Infinity/],
    [{ models: undefined as unknown as Report['models'] }, /the report is not valid: models: /],
  ])('never writes what is no report: %j', (change, message) => {
    expect(() => formatReport({ ...quantizeReport, ...change })).toThrow(message);
  });
});

describe('parseReport', () => {
  const changed = (change: (report: Report) => void) => {
    const report = structuredClone(quantizeReport);
    change(report);
    return JSON.stringify(report);
  };

  it.each([
    ['{', /^a.json: is not JSON: .*; give a report written by nncompress/],
    ['3', /^a.json: is no report: expected object, got number; /],
    ['{"schemaVersion": 2}', /^a.json: is no report: schemaVersion: /],
    [
      changed(({ models }) => Object.assign(models[0]!.metrics!, { accuracy: '0.9' })),
      /^a.json: is no report: models\[0\].metrics.accuracy: expected number, got string/,
    ],
    [changed(({ gates }) => Object.assign(gates[1]!, { name: 'max-fun' })), /^a.json: is no report: gates\[1\].name: /],
    [changed((report) => Object.assign(report, { startedAt: 'yesterday' })), /is no report: startedAt: /],
  ])('says where %.40s goes wrong', (text, message) => {
    expect(() => parseReport(text, 'a.json')).toThrow(message);
  });

  it('passes over keys of later versions', () => {
    const text = JSON.stringify({ ...quantizeReport, novelty: 1 });
    expect(parseReport(text)).toEqual(quantizeReport);
  });
});
