import { writeFileSync } from 'node:fs';
import { extname } from 'node:path';
import { UserError } from '../errors.js';
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

/** Writers by file ending. */
const FORMATS: Readonly<Record<string, (report: Report) => string>> = {
  '.json': formatReport,
};

/** @throws UserError where a report cannot be written, before anything else is done */
export function checkReportPaths({ report, force }: ReportOptions): void {
  for (const path of report) {
    if (!FORMATS[extname(path).toLowerCase()])
      throw new UserError(`there is no report format for '${extname(path) || 'no ending'}'`, {
        file: path,
        mend: `name a file with the ending ${Object.keys(FORMATS).join(' or ')}`,
      });
    checkOutput(path, force);
  }
}

/** Writes a report to every file asked for. */
export async function writeReports(report: Report, { report: paths }: ReportOptions): Promise<void> {
  for (const path of paths) {
    const text = FORMATS[extname(path).toLowerCase()]!(report);
    await writeAtomically(path, (temporary) => writeFileSync(temporary, text));
  }
}

/** Prints a report: as JSON, or as a summary for people. */
export async function showReport(
  report: Report,
  { json }: ReportOptions,
  { print, color, width }: CommandContext,
): Promise<void> {
  if (json) return print(formatReport(report).trimEnd());
  const { renderTerminal } = await import('../report/terminal.js');
  print(renderTerminal(report, { color, width }));
}
