import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Chalk } from 'chalk';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import type { CommandContext } from '../../src/commands/context.js';
import { createProgress } from '../../src/commands/progress.js';
import { checkReportPaths, showReport, writeReports } from '../../src/commands/reports.js';
import { ALONE } from '../../src/parallel/world.js';
import { renderMarkdown } from '../../src/report/markdown.js';
import { quantizeReport } from '../report/example.js';

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'nncompress-reports-'));
  vi.stubEnv('GITHUB_ACTIONS', undefined);
});
afterEach(() => {
  vi.unstubAllEnvs();
  rmSync(folder, { recursive: true });
});

const options = (report: string[], json = false) => ({ report, json, force: false });

/** A context that keeps what is said. */
function listening() {
  const printed: string[] = [];
  const noted: string[] = [];
  const context: CommandContext = {
    print: (text) => printed.push(text),
    note: (text) => noted.push(text),
    detail: () => {},
    color: new Chalk({ level: 0 }),
    width: 80,
    verbosity: 'normal',
    progress: createProgress(process.stderr, true),
    world: ALONE,
  };
  return { context, printed, noted };
}

describe('writeReports', () => {
  it.each([
    ['report.json', '{\n  "schemaVersion": 1,'],
    ['report.md', '### ❌ nncompress quantize'],
    ['report.xml', '<?xml version="1.0"'],
    ['REPORT.HTML', '<!doctype html>'],
  ])('writes %s in the form that its ending says', async (name, beginning) => {
    const path = join(folder, name);
    await writeReports(quantizeReport, options([path]));
    expect(readFileSync(path, 'utf8').startsWith(beginning)).toBe(true);
  });

  it('refuses other endings and what exists before anything is done', async () => {
    const path = join(folder, 'report.json');
    expect(() => checkReportPaths(options([join(folder, 'report.pdf')]))).toThrow(
      /report.pdf: there is no report format for '.pdf'; name a file with the ending .json, .html, .md, .xml/,
    );
    await writeReports(quantizeReport, options([path]));
    expect(() => checkReportPaths(options([path]))).toThrow(/report.json: the output exists/);
  });
});

describe('showReport', () => {
  it('tells GitHub in a workflow: annotations, and Markdown in the summary of the job', async () => {
    const summary = join(folder, 'summary');
    vi.stubEnv('GITHUB_ACTIONS', 'true');
    vi.stubEnv('GITHUB_STEP_SUMMARY', summary);
    const { context, printed } = listening();
    await showReport(quantizeReport, options([]), context);
    await showReport(quantizeReport, options([]), context);
    expect(printed[1]).toBe('::error title=nncompress quantize::max-size ≤ 500 kB: 741 kB');
    expect(readFileSync(summary, 'utf8')).toBe(`${renderMarkdown(quantizeReport)}\n`.repeat(2));
  });

  it('keeps JSON alone on stdout', async () => {
    vi.stubEnv('GITHUB_ACTIONS', 'true');
    vi.stubEnv('GITHUB_STEP_SUMMARY', join(folder, 'missing', 'summary'));
    const { context, printed, noted } = listening();
    await showReport(quantizeReport, options([], true), context);
    expect(printed.map((text) => JSON.parse(text).command)).toEqual(['quantize']);
    expect(noted[0]).toMatch(/^::error title=/);
    expect(noted.at(-1)).toMatch(/^the job summary .* cannot be written: ENOENT/);
  });

  it('tells nobody elsewhere', async () => {
    const summary = join(folder, 'summary');
    vi.stubEnv('GITHUB_STEP_SUMMARY', summary);
    const { context, printed, noted } = listening();
    await showReport(quantizeReport, options([]), context);
    expect([printed.length, noted.length, existsSync(summary)]).toEqual([1, 0, false]);
  });
});
