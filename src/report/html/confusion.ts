import {
  type ConfusedPair,
  type Confusion,
  confusedPairs,
  confusionOf,
  type LabelConfusion,
  labelConfusionsOf,
} from '../confusion.js';
import { capitalized, formatFixed, optional } from '../format.js';
import { type Content, type Markup, markup } from '../markup.js';
import type { Report } from '../schema.js';
import { ascending, baseRole } from '../summary.js';
import { table } from './table.js';

/** Most classes whose whole matrix is shown. */
const MOST_CLASSES = 50;
/** Classes up to which matrices are shown beside each other. */
const FEW_CLASSES = 12;
const MOST_PAIRS = 100;

/** Confusion matrices as heat maps; with many classes, the pairs that are confused most often, or the labels. */
export function confusionSection(report: Report): Content {
  const confusion = confusionOf(report);
  const base = capitalized(baseRole(report));
  if (!confusion) return labelsSection(labelConfusionsOf(report) ?? [], base);
  const { classes, before, after } = confusion;
  if (classes.length > MOST_CLASSES) return pairsSection(confusion, base);
  return markup`<section id="confusion"><h2>Confusion</h2>
<p class="hint">Rows are true classes, columns predicted ones. ${shading(after !== undefined)}</p>
<div class="maps ${classes.length > FEW_CLASSES ? 'many' : 'few'}" style="--classes:${classes.length}">${mapsOf('map', base, classes, before, after)}</div>
</section>`;
}

function shading(compared: boolean): string {
  const difference = compared ? ' In the difference, blue is better and orange worse.' : '';
  return `The darker a cell, the larger its share of the row, by its square root; blue is right, orange wrong.${difference} Empty cells are 0.`;
}

/** The map of one model, or those of two and what the second has more. */
function mapsOf(
  id: string,
  base: string,
  classes: readonly string[],
  before: number[][],
  after: number[][] | undefined,
): Markup[] {
  if (!after) return [heatMap(`${id}-confusion-matrix`, 'Confusion matrix', classes, before)];
  return [
    heatMap(`${id}-original`, base, classes, before),
    heatMap(`${id}-compressed`, 'Compressed', classes, after),
    heatMap(`${id}-difference`, 'Difference', classes, differenceOf(before, after), true),
  ];
}

/** What a label may be: absent or present. */
const PRESENCE = ['no', 'yes'];

/** A map for each label; of many, for those with most errors. */
function labelsSection(labels: readonly LabelConfusion[], base: string): Content {
  if (labels.length === 0) return undefined;
  const wrong = (matrix: number[][] | undefined) => (matrix ? matrix[0]![1]! + matrix[1]![0]! : 0);
  const placed = labels.map((label, place) => ({
    ...label,
    place,
    errors: Math.max(wrong(label.before), wrong(label.after)),
  }));
  const many = labels.length > MOST_CLASSES;
  const shown = many ? placed.sort((a, b) => b.errors - a.errors).slice(0, MOST_CLASSES) : placed;
  return markup`<section id="confusion"><h2>Confusion</h2>
<p class="hint">For each label${many && `, the ${shown.length} of ${formatFixed(labels.length)} with most errors`}: rows say whether a sample has it, columns whether it was predicted. ${shading(labels[0]!.after !== undefined)}</p>
<div class="labels">${shown.map(
    ({ class: name, before, after, place }) =>
      markup`<div><h3>${name}</h3><div class="label">${mapsOf(`label-${place}`, base, PRESENCE, before, after)}</div></div>\n`,
  )}</div>
</section>`;
}

/** Counts as a table whose cells are shaded; of a difference, more on the diagonal and less beside it is better. */
function heatMap(
  id: string,
  title: string,
  classes: readonly string[],
  matrix: readonly (readonly number[])[],
  signed = false,
): Markup {
  const totals = matrix.map((row) => row.reduce((sum, count) => sum + Math.abs(count), 0));
  const most = Math.max(...matrix.flat().map(Math.abs));
  const rows = matrix.map((counts, row) => {
    const cells = counts.map((count, column) => {
      if (count === 0) return markup`<td></td>`;
      const right = (row === column) === count > 0;
      const shade = Math.sqrt(Math.abs(count) / (signed ? most : totals[row]!)).toFixed(2);
      const text = signed && count > 0 ? `+${formatFixed(count)}` : formatFixed(count);
      return markup`<td class="${right ? 'right' : 'wrong'}" style="--shade:${shade}">${text}</td>`;
    });
    return markup`<tr><th scope="row">${classes[row]}</th>${cells}</tr>\n`;
  });
  return markup`<div class="scroll"><table class="map" id="${id}">
<caption>${title}</caption>
<thead><tr><td></td>${classes.map((name) => markup`<th scope="col"><span>${name}</span></th>`)}</tr></thead>
<tbody>
${rows}</tbody></table></div>`;
}

function differenceOf(before: readonly number[][], after: readonly number[][]): number[][] {
  return before.map((row, i) => row.map((count, j) => (after[i]?.[j] ?? 0) - count));
}

function pairsSection(confusion: Confusion, base: string): Content {
  const pairs = confusedPairs(confusion, MOST_PAIRS);
  if (!pairs.length) return undefined;
  return markup`<section id="confusion"><h2>Confusion</h2>
<p class="hint">The ${formatFixed(pairs.length)} pairs confused most often, of ${formatFixed(confusion.classes.length)} classes.</p>
${table<ConfusedPair>(
  [
    { title: 'Class', text: true, cell: ({ target }) => target },
    { title: 'Taken for', text: true, cell: ({ predicted }) => predicted },
    {
      title: confusion.after ? base : 'Samples',
      cell: ({ before }) => formatFixed(before),
      order: (a, b) => b.before - a.before,
    },
    ...(confusion.after
      ? [
          {
            title: 'Compressed',
            cell: ({ after }: ConfusedPair) => optional(after, formatFixed),
            order: (a: ConfusedPair, b: ConfusedPair) => -ascending(a.after, b.after),
          },
        ]
      : []),
  ],
  pairs,
  { id: 'confused-pairs', caption: 'Classes taken for others' },
)}
</section>`;
}
