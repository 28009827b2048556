import { type ClassRow, type ClassScores, changeOf, classRows } from '../classes.js';
import { formatFixed, formatPercent, formatPoints, optional } from '../format.js';
import { type Content, markup } from '../markup.js';
import type { Report } from '../schema.js';
import { ascending, baseRole } from '../summary.js';
import { changeTone } from './overview.js';
import { type Column, lengthClass, table } from './table.js';

const SCORES: readonly (keyof ClassScores)[] = ['recall', 'precision', 'f1'];
const NAMES: Readonly<Record<keyof ClassScores, string>> = { recall: 'Recall', precision: 'Precision', f1: 'F1' };

/** Recall, precision and F1 of each class, before and after. */
export function classesSection(report: Report): Content {
  const rows = classRows(report);
  if (!rows.length) return undefined;
  const paired = rows.some(({ after }) => after);
  return markup`<section id="classes"${lengthClass(rows.length)}><h2>Classes</h2>
<p class="hint">Choose a heading to sort by it.${paired && ' Changes are in percentage points.'}</p>
${table<ClassRow>(
  [
    { title: 'Class', text: true, cell: (row) => row.class, order: (a, b) => (a.class < b.class ? -1 : 1) },
    { title: 'Samples', cell: (row) => formatFixed(row.support), order: (a, b) => b.support - a.support },
    ...SCORES.flatMap((score) => (paired ? pairedColumns(score, baseRole(report)) : [valueColumn(score)])),
  ],
  rows,
  { id: 'class-list', caption: 'Recall, precision and F1 by class', sortedBy: paired ? 'Recall, change' : 'Recall' },
)}
</section>`;
}

function valueColumn(score: keyof ClassScores): Column<ClassRow> {
  return {
    title: NAMES[score],
    cell: ({ before }) => optional(before[score], formatPercent),
    order: (a, b) => ascending(a.before[score], b.before[score]),
  };
}

function pairedColumns(score: keyof ClassScores, base: string): Column<ClassRow>[] {
  return [
    { ...valueColumn(score), title: base, group: NAMES[score] },
    {
      title: 'compressed',
      group: NAMES[score],
      cell: ({ after }) => optional(after?.[score], formatPercent),
      order: (a, b) => ascending(a.after?.[score], b.after?.[score]),
    },
    {
      title: 'change',
      group: NAMES[score],
      cell: (row) => optional(changeOf(row, score), formatPoints),
      tone: (row) => changeTone(changeOf(row, score)),
      order: (a, b) => ascending(changeOf(a, score), changeOf(b, score)),
    },
  ];
}
