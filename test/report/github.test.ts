import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { annotationLines } from '../../src/report/github.js';
import type { Gate } from '../../src/report/schema.js';
import { anyReport } from './arbitrary.js';
import { evaluateReport, quantizeReport } from './example.js';

describe('annotationLines', () => {
  it('marks failed gates as errors and warnings as warnings', () => {
    expect(annotationLines(quantizeReport)).toEqual([
      '::error title=nncompress quantize::max-size ≤ 500 kB: 741 kB',
      '::warning title=nncompress quantize::calibrated on 256 samples of the training data, with the labels left aside',
    ]);
    expect(annotationLines(evaluateReport)).toEqual([]);
  });

  it('warns of a gate that passed but is open', () => {
    const gate: Gate = {
      name: 'max-drop',
      limit: 0.01,
      value: 0.004,
      passed: true,
      verdict: 'undecided',
      samplesNeeded: 3400,
    };
    expect(annotationLines({ ...evaluateReport, gates: [gate] })).toEqual([
      '::warning title=nncompress evaluate::max-drop ≤ 1.00 points: 0.40 points ' +
        '(undecided at 95 %25: about 3,400 samples would tell)',
    ]);
  });

  it('escapes what would end a command or begin another', () => {
    const [line] = annotationLines({ ...evaluateReport, command: 'a,b:c', warnings: ['50 %\r\n::error::no'] });
    expect(line).toBe('::warning title=nncompress a%2Cb%3Ac::50 %25%0D%0A::error::no');
    fc.assert(
      fc.property(anyReport, (report) => {
        const lines = annotationLines(report);
        expect(lines.every((each) => /^::(error|warning) title=[^\r\n]*::[^\r\n]*$/.test(each))).toBe(true);
        expect(lines.filter((each) => each.startsWith('::error'))).toHaveLength(
          report.gates.filter(({ passed }) => !passed).length,
        );
      }),
    );
  });
});
