import type { ChalkInstance } from 'chalk';
import { type Change, type Headline, headlineOf, keyRows } from './headline.js';
import type { Report } from './schema.js';

/** Columns of a table, apart from the models: the labels, and the gap before each column. */
const [LABELS, GAP] = [15, 2];

/** Models that are shown however narrow the terminal is. */
const LEAST_MODELS = 3;

/** The models side by side. */
export interface ModelTable {
  lines: string[];
  /** What changed from the original to the compressed model, where there was no room for it in the table. */
  changes: string[];
}

/**
 * The models side by side, a line per property, and what changed from the original to the compressed one: in a column, or
 * where that is too wide, the most important of it apart. Models that do not fit are left out.
 * @param detailed with the properties that can be spared.
 */
export function modelTable(report: Report, color: ChalkInstance, columns: number, detailed = true): ModelTable {
  let headline = headlineOf(report, { detailed });
  for (let most = headline.models.length - 1; widthOf(headline) > columns && most >= LEAST_MODELS; most--)
    headline = headlineOf(report, { detailed, most });
  const { models, confidence, rows } = headline;
  const title = confidence && `change (${confidence} interval)`;
  const texts = rows.map(({ change }) => change?.text ?? '');
  const fits = widthOf(headline) + GAP + Math.max(...[title, ...texts].map(({ length }) => length)) <= columns;
  const widths = widthsOf(headline);
  const line = (label: string, cells: readonly string[], change: string) =>
    [label.padEnd(LABELS), ...cells.map((cell, column) => cell.padStart(widths[column]!)), fits ? `  ${change}` : '']
      .join(' '.repeat(GAP))
      .trimEnd();
  const roles = models.map(({ role }) => role);
  return {
    lines: [
      ...(models.length > 1 ? [color.dim(line('', roles, title))] : []),
      ...rows.map(({ label, cells, change }) => line(label, cells, change ? painted(change, color) : '')),
    ],
    changes: fits ? [] : keyRows(headline).flatMap(({ label, change }) => (change ? [`${label}: ${change.text}`] : [])),
  };
}

/** Two models get columns of one width; of more, each takes what it needs. */
function widthsOf({ models, rows }: Headline): number[] {
  const least = models.length > 2 ? 0 : 12;
  return models.map(({ role }, column) =>
    Math.max(least, role.length, ...rows.map(({ cells }) => cells[column]!.length)),
  );
}

const widthOf = (headline: Headline) => LABELS + widthsOf(headline).reduce((sum, width) => sum + GAP + width, 0);

function painted({ text, sense }: Change, color: ChalkInstance): string {
  return sense > 0 ? color.green(text) : sense < 0 ? color.red(text) : text;
}
