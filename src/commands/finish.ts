import { EXIT } from '../errors.js';
import type { Report } from '../report/schema.js';
import type { CommandContext } from './context.js';
import { type ReportOptions, showReport, writeReports } from './reports.js';

/** True where every gate of a report was kept. */
export const passed = ({ gates }: Report): boolean => gates.every((gate) => gate.passed);

/** Writes the reports asked for, shows the result, and gives the exit code. */
export async function finish(report: Report, options: ReportOptions, context: CommandContext): Promise<number> {
  await writeReports(report, options);
  await showReport(report, options, context);
  return exitCode(report);
}

/** 0 where every gate was kept, else 1. */
export const exitCode = (report: Report): number => (passed(report) ? EXIT.ok : EXIT.gateFailed);
