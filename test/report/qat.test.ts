import { Chalk } from 'chalk';
import { describe, expect, it } from 'vitest';
import { renderHtml } from '../../src/report/html/index.js';
import { renderMarkdown } from '../../src/report/markdown.js';
import { type Report, reportSchema } from '../../src/report/schema.js';
import { renderTerminal } from '../../src/report/terminal.js';
import { quantizeReport } from './example.js';

const [original, compressed] = quantizeReport.models as [Report['models'][0], Report['models'][0]];
const accuracyDrop = { value: -0.0021, low: -0.0032, high: -0.001 };

/** A report of quantization-aware training. */
const report: Report = reportSchema.parse({
  ...quantizeReport,
  models: [
    original,
    {
      ...compressed,
      role: 'post-training',
      latency: undefined,
      metrics: { ...compressed.metrics!, agreement: undefined, accuracy: 0.9236 },
    },
    compressed,
  ],
  quantization: {
    ...quantizeReport.quantization!,
    qat: {
      ...{ temperature: 4, alpha: 0.5, samples: 54_000, labelled: 12_000, ranges: 24 },
      againstPostTraining: { sizeRatio: 1, accuracyDrop },
    },
  },
  training: {
    ...{ samples: 54_000, epochs: 1, seconds: 120, samplesPerSecond: 450, workers: 2, bestEpoch: 1 },
    history: [
      { epoch: 0, validationAccuracy: 0.92 },
      { epoch: 1, loss: 0.1, validationAccuracy: 0.924 },
    ],
  },
});

const SAID = '+0.21 points (+0.10 … +0.32) of accuracy against post-training quantization (92.36 %)';

describe('what training gave beside post-training quantization', () => {
  it('stands in the terminal, between the models', () => {
    const text = renderTerminal(report, { color: new Chalk({ level: 0 }), width: 100 });
    expect(text).toContain(`QAT          ${SAID.slice(0, 80)}`);
    expect(text).toMatch(/original +post-training +compressed/);
  });

  it('stands in Markdown', () => {
    expect(renderMarkdown(report)).toContain(`QAT: ${SAID}`);
  });

  it('stands in HTML, with what was learnt', () => {
    const text = renderHtml(report).replaceAll(/<[^>]*>/g, '');
    expect(text).toContain(SAID);
    expect(text).toContain('24 ranges of activations learnt');
    expect(text).toContain('temperature 4, its share 0.5; 12,000 of 54,000 samples with a label');
  });

  it('is nothing where nothing was trained', () => {
    expect(renderTerminal(quantizeReport, { color: new Chalk({ level: 0 }), width: 100 })).not.toContain('QAT');
    expect(renderMarkdown(quantizeReport)).not.toContain('QAT');
  });
});
