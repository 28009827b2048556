import { load } from 'cheerio';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { renderMarkdown } from '../../src/report/markdown.js';
import { codeSpan, markdownText } from '../../src/report/markdown-text.js';
import type { Report } from '../../src/report/schema.js';
import { anyReport } from './arbitrary.js';
import { evaluateReport, quantizeReport, unlabelledReport } from './example.js';
import { expectFigures, gateFigures, headlineFigures } from './figures.js';
import { largeReport } from './large-example.js';
import { richReport } from './rich-example.js';
import { shownModels } from './table-figures.js';

/** The tables of a text by their first heads, as rows of cells in plain text. */
function tablesOf(markdown: string): { heads: string[]; rows: string[][] }[] {
  const blocks = markdown.split('\n\n').filter((block) => block.startsWith('|'));
  return blocks.map((block) => {
    const lines = block.trimEnd().split('\n');
    const [heads = [], , ...rows] = lines.map((line) => line.slice(2, -2).split(' | ').map(plain));
    return { heads, rows };
  });
}

/** What a reader sees of a cell. */
const plain = (cell: string) => load(`<p>${cell}</p>`)('p').text().trim();

function expectFiguresOf(report: Report): void {
  const tables = tablesOf(renderMarkdown(report));
  if (report.models.length) {
    const { heads, rows } = tables[0]!;
    expect(heads[0]).toBe('');
    for (const [label, ...cells] of rows) {
      const expected = headlineFigures(label!, shownModels(report, 8), report);
      for (const [column, cell] of cells.entries()) expectFigures(cell, expected[column] ?? [], `${label}, ${column}`);
    }
  }
  const gates = tables.find(({ heads }) => heads[0] === 'Gate');
  expect(gates?.rows.length ?? 0).toBe(report.gates.length);
  for (const [row, [, limit, value]] of gates?.rows.entries() ?? []) {
    const expected = gateFigures(report.gates[row]!);
    expectFigures(limit!, expected[0]!, `gate ${row}, limit`);
    expectFigures(value!, expected[1]!, `gate ${row}, value`);
  }
  const nodes = tables.find(({ heads }) => heads[0] === 'Node');
  const known = report.nodes?.flatMap(({ sqnrDb }) => (sqnrDb === undefined ? [] : [sqnrDb])).sort((a, b) => a - b);
  for (const [row, [, , , decibels]] of nodes?.rows.entries() ?? [])
    expectFigures(decibels!, [known?.[row]], `node ${row}`);
}

describe('renderMarkdown', () => {
  it('gives a comment for a pull request', async () => {
    await expect(renderMarkdown(richReport)).toMatchFileSnapshot('recorded/quantize.md');
  });

  it('begins with what matters', () => {
    const [title, , key] = renderMarkdown(quantizeReport).split('\n');
    expect(title).toBe(
      '### ❌ nncompress quantize: <code>resnet.onnx</code> → <code>resnet.int8.onnx</code>, 1 of 2 gates failed',
    );
    expect(key).toBe('**3.81× smaller** · **2.20× faster (2.15 … 2.25)** · **accuracy −0.07 points (−0.19 … +0.05)**');
    expect(renderMarkdown(evaluateReport)).toMatch(/^### ✅ nncompress evaluate: .*, 1 gate passed\n/);
  });

  it('shows the figures of any report as they are', () => {
    for (const report of [quantizeReport, evaluateReport, unlabelledReport, richReport]) expectFiguresOf(report);
    fc.assert(fc.property(anyReport, expectFiguresOf), { numRuns: 200 });
  });

  it('fits into a comment on GitHub, whatever the size of the report', () => {
    const text = renderMarkdown(largeReport(1000, 10, 3000));
    expect(text.length).toBeLessThan(65_536);
    expect(text).toContain('Recall, precision and F1 by class (the worst 40 of 1,000)');
    const long = { ...richReport, warnings: Array.from({ length: 1000 }, () => 'much too long '.repeat(20)) };
    expect(renderMarkdown(long).length).toBeLessThan(65_536);
  });

  it('keeps tables whole and names harmless, whatever they hold', () => {
    const hostile = 'a|b \\| <img src=x> `code` **bold** [link](https://example.com) @everyone\n# heading';
    const nodes = [{ ...quantizeReport.nodes![0]!, name: hostile, reason: hostile }];
    const { rows } = tablesOf(renderMarkdown({ ...quantizeReport, nodes })).find(({ heads }) => heads[0] === 'Node')!;
    expect(rows).toHaveLength(1);
    expect(rows[0]![0]).toBe(hostile.replace('\n', ' '));
    expect(rows[0]![4]).toBe(hostile.replace('\n', ' ').replace('@', '@\u200b'));
    expect(markdownText('<b>|`*_[')).toBe('&#60;b&#62;&#124;&#96;&#42;&#95;&#91;');
    expect(codeSpan('a_b/c.png')).toBe('<code>a&#95;b/c.png</code>');
  });
});
