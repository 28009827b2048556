import { formatFixed, printable } from './format.js';
import type { Report } from './schema.js';

/** Longest name, path or reason in a table. */
const MOST_CHARACTERS = 200;

/**
 * Text that Markdown shows as it is. Punctuation becomes entities, which can't form markup (CommonMark 0.31, section
 * 2.5) nor end a cell of a table; an @ notifies nobody.
 */
export function markdownText(text: string): string {
  return cut(printable(text))
    .replace(/[\\`*_{}[\]<>#|~&!$"]/g, entity)
    .replace(/@(?=\w)/g, '@\u200b');
}

/** A name or path in fixed width, whatever it holds. */
export function codeSpan(text: string): string {
  return `<code>${cut(printable(text)).replace(/[^\p{L}\p{N} ./,;=+()'-]/gu, entity)}</code>`;
}

/**
 * A table; nothing without rows.
 * @param heads and cells in Markdown.
 * @param left columns that are text; the others are numbers, on the right.
 */
export function markdownTable(
  heads: readonly string[],
  rows: readonly (readonly string[])[],
  left: readonly number[],
): string {
  if (!rows.length) return '';
  const line = (cells: readonly string[]) => `| ${cells.join(' | ')} |`;
  return [line(heads), line(heads.map((_, column) => (left.includes(column) ? ':--' : '--:'))), ...rows.map(line)].join(
    '\n',
  );
}

/** A part that can be unfolded; left out where the comment would become too long. */
export type Details = (report: Report) => { title: string; body: string } | undefined;

/** Rows of a table in the details; the whole is in the JSON and the HTML. */
export const MOST_ROWS = 40;

/** Says which rows are shown where there are more. */
export function cutNote(rows: number, which: string): string {
  return rows > MOST_ROWS ? ` (${which} ${MOST_ROWS} of ${formatFixed(rows)})` : '';
}

/** A part that is folded away. */
export function detailsBlock(title: string, body: string): string {
  return `<details>\n<summary>${title}</summary>\n\n${body}\n\n</details>`;
}

function cut(text: string): string {
  const characters = [...text];
  return characters.length <= MOST_CHARACTERS ? text : `${characters.slice(0, MOST_CHARACTERS - 1).join('')}…`;
}

function entity(character: string): string {
  return `&#${character.codePointAt(0)};`;
}
