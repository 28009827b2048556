import type { ChalkInstance } from 'chalk';
import { type Change, headlineOf } from './headline.js';
import type { Report } from './schema.js';

/**
 * The models side by side, a line per property, and what changed from the original to the compressed one.
 * @param detailed with the properties that can be spared.
 */
export function tableLines(report: Report, color: ChalkInstance, detailed = true): string[] {
  const { models, confidence, rows } = headlineOf(report, { detailed });
  const widths = models.map(({ role }, column) =>
    Math.max(12, role.length, ...rows.map(({ cells }) => cells[column]!.length)),
  );
  const line = (label: string, cells: readonly string[], change: string) =>
    [label.padEnd(15), ...cells.map((cell, column) => cell.padStart(widths[column]!)), `  ${change}`]
      .join('  ')
      .trimEnd();
  const roles = models.map(({ role }) => role);
  const interval = confidence && `change (${confidence} interval)`;
  return [
    ...(models.length > 1 ? [color.dim(line('', roles, interval))] : []),
    ...rows.map(({ label, cells, change }) => line(label, cells, change ? painted(change, color) : '')),
  ];
}

function painted({ text, sense }: Change, color: ChalkInstance): string {
  return sense > 0 ? color.green(text) : sense < 0 ? color.red(text) : text;
}
