import { appendFileSync, writeFileSync } from 'node:fs';
import { extname } from 'node:path';
import { messageOf, UserError } from '../errors.js';
import { checkOutput, writeAtomically } from '../files.js';
import { formatReport } from '../report/json.js';
import type { Report } from '../report/schema.js';
import type { CommandContext } from './context.js';

/** Where a report goes, and how it is shown. */
export interface ReportOptions {
  report: readonly string[];
  json: boolean;
  force: boolean;
}

type Renderer = (report: Report) => string;

/** Renderers by file ending, loaded when they are needed. */
const FORMATS: Readonly<Record<string, () => Promise<Renderer>>> = {
  '.json': async () => formatReport,
  '.html': async () => (await import('../report/html/index.js')).renderHtml,
  '.md': async () => (await import('../report/markdown.js')).renderMarkdown,
  '.xml': async () => (await import('../report/junit.js')).renderJunit,
};

/** @throws UserError where a report cannot be written, before anything else is done */
export function checkReportPaths({ report, force }: ReportOptions): void {
  for (const path of report) {
    if (!FORMATS[extname(path).toLowerCase()])
      throw new UserError(`there is no report format for '${extname(path) || 'no ending'}'`, {
        file: path,
        mend: `name a file with the ending ${Object.keys(FORMATS).join(', ')}`,
      });
    checkOutput(path, force, '--report');
  }
}

/** Writes a report to every file asked for. */
export async function writeReports(report: Report, { report: paths }: ReportOptions): Promise<void> {
  for (const path of paths) {
    const render = await FORMATS[extname(path).toLowerCase()]!();
    const text = render(report);
    await writeAtomically(path, (temporary) => writeFileSync(temporary, text));
  }
}

/** Prints a report: as JSON, or as a summary for people; in a GitHub workflow, GitHub is told too. */
export async function showReport(report: Report, { json }: ReportOptions, context: CommandContext): Promise<void> {
  if (json) context.print(formatReport(report).trimEnd());
  else {
    const { renderTerminal } = await import('../report/terminal.js');
    context.print(renderTerminal(report, context));
  }
  if (process.env.GITHUB_ACTIONS === 'true') await tellGithub(report, json ? context.note : context.print, context);
}

/** Marks the run with failed gates and warnings, and adds the report to the job's summary. */
async function tellGithub(report: Report, say: (line: string) => void, { note }: CommandContext): Promise<void> {
  const { annotationLines } = await import('../report/github.js');
  for (const line of annotationLines(report)) say(line);
  const summary = process.env.GITHUB_STEP_SUMMARY;
  if (!summary) return;
  const { renderMarkdown } = await import('../report/markdown.js');
  try {
    appendFileSync(summary, `${renderMarkdown(report)}\n`);
  } catch (error) {
    note(`the job summary ${summary} cannot be written: ${messageOf(error)}`);
  }
}
