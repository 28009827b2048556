import { type ConfusedPair, type Confusion, confusedPairs, confusionOf } from '../confusion.js';
import { formatFixed, optional } from '../format.js';
import { type Content, type Markup, markup } from '../markup.js';
import type { Report } from '../schema.js';
import { ascending } from '../summary.js';
import { table } from './table.js';

/** Most classes whose whole matrix is shown. */
const MOST_CLASSES = 50;
/** Classes up to which matrices are shown beside each other. */
const FEW_CLASSES = 12;
const MOST_PAIRS = 100;

/** Confusion matrices as heat maps; with many classes, the pairs that are confused most often. */
export function confusionSection(report: Report): Content {
  const confusion = confusionOf(report);
  if (!confusion) return undefined;
  const { classes, before, after } = confusion;
  if (classes.length > MOST_CLASSES) return pairsSection(confusion);
  const maps = after
    ? [
        heatMap('Original', classes, before),
        heatMap('Compressed', classes, after),
        heatMap('Difference', classes, differenceOf(before, after), true),
      ]
    : [heatMap('Confusion matrix', classes, before)];
  return markup`<section id="confusion"><h2>Confusion</h2>
<p class="hint">Rows are true classes, columns predicted ones. The darker a cell, the larger its share of the row, by its square root; blue is right, orange wrong.${
    after && ' In the difference, blue is better and orange worse.'
  } Empty cells are 0.</p>
<div class="maps ${classes.length > FEW_CLASSES ? 'many' : 'few'}" style="--classes:${classes.length}">${maps}</div>
</section>`;
}

/** Counts as a table whose cells are shaded; of a difference, more on the diagonal and less beside it is better. */
function heatMap(
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
  return markup`<div class="scroll"><table class="map" id="map-${title.toLowerCase().replace(/\W+/g, '-')}">
<caption>${title}</caption>
<thead><tr><td></td>${classes.map((name) => markup`<th scope="col"><span>${name}</span></th>`)}</tr></thead>
<tbody>
${rows}</tbody></table></div>`;
}

function differenceOf(before: readonly number[][], after: readonly number[][]): number[][] {
  return before.map((row, i) => row.map((count, j) => (after[i]?.[j] ?? 0) - count));
}

function pairsSection(confusion: Confusion): Content {
  const pairs = confusedPairs(confusion, MOST_PAIRS);
  if (!pairs.length) return undefined;
  return markup`<section id="confusion"><h2>Confusion</h2>
<p class="hint">The ${formatFixed(pairs.length)} pairs confused most often, of ${formatFixed(confusion.classes.length)} classes.</p>
${table<ConfusedPair>(
  [
    { title: 'Class', text: true, cell: ({ target }) => target },
    { title: 'Taken for', text: true, cell: ({ predicted }) => predicted },
    {
      title: confusion.after ? 'Original' : 'Samples',
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
