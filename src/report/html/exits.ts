import { formatPercent, formatPlain, optional } from '../format.js';
import { type Content, markup } from '../markup.js';
import type { Report } from '../schema.js';
import { chosenOnText, costText, droppedTexts, jointText } from '../summary.js';
import { curvesOf } from './curves.js';
import { table } from './table.js';

type Adaptive = NonNullable<Report['adaptive']>;
type Exit = Adaptive['exits'][number];

/** Where samples leave a model whose cost depends on the input. */
export function adaptiveSection({ adaptive }: Report): Content {
  if (!adaptive) return undefined;
  const { macsRatio, exits, curve, measure } = adaptive;
  const detailed = exits.some(({ alone }) => alone !== undefined);
  return markup`<section id="adaptive"><h2>Exits</h2>
<p>${costText(macsRatio)}${measure !== undefined && `; uncertainty is measured by ${measure}`}.</p>
${[jointText(adaptive), chosenOnText(adaptive), ...droppedTexts(adaptive)].filter(Boolean).map((text) => markup`<p>${text}</p>`)}
${table<Exit>(
  [
    { title: 'Exit', text: true, cell: ({ name }) => name },
    ...(exits.some(({ after }) => after !== undefined)
      ? [{ title: 'Behind', text: true as const, cell: ({ after }: Exit) => after && markup`<code>${after}</code>` }]
      : []),
    { title: 'Threshold', cell: ({ threshold }) => formatPlain(threshold) },
    { title: 'Share of samples', cell: ({ share }) => formatPercent(share) },
    { title: 'Accuracy', cell: ({ accuracy }) => formatPercent(accuracy) },
    ...(detailed
      ? [
          { title: 'Accuracy if all left here', cell: ({ alone }: Exit) => optional(alone, formatPercent) },
          { title: 'Cost up to here', cell: ({ macs }: Exit) => optional(macs, formatPercent) },
        ]
      : []),
  ],
  exits,
  { id: 'exit-list', caption: 'Where samples leave the model' },
)}
${curvesOf(curve, 'exit-curve', 'Cost against accuracy', takenOf(adaptive))}
${classTable(exits)}
</section>`;
}

/** The point of the curve that was taken. */
function takenOf({ macsRatio, curve }: Adaptive): number | undefined {
  return curve.map(({ macs }) => macs).find((macs) => macs !== undefined && Math.abs(macs * macsRatio - 1) < 1e-9);
}

/** Which share of each class leaves where. */
function classTable(exits: readonly Exit[]): Content {
  const names = exits[0]?.classes?.map((entry) => entry.class) ?? [];
  if (!names.length) return undefined;
  return markup`<details><summary>Exits by class</summary>${table<number>(
    [
      { title: 'Class', text: true, cell: (row) => names[row]! },
      ...exits.map(({ name, classes }) => ({
        title: name,
        cell: (row: number) => optional(classes?.[row]?.share, formatPercent),
        order: (a: number, b: number) => (classes?.[b]?.share ?? 0) - (classes?.[a]?.share ?? 0),
      })),
    ],
    names.map((_, row) => row),
    { id: 'exit-classes', caption: 'Share of each class by exit' },
  )}</details>`;
}
