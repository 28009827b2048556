import { line } from 'd3-shape';
import { capitalized, formatFixed, formatPercent, formatPlain, optional, printable } from '../format.js';
import { type Content, type Markup, markup } from '../markup.js';
import type { Report, Sensitivity } from '../schema.js';
import { ascending, sensitivityText } from '../summary.js';
import { domainOf, plotSvg, type Scale } from './plot.js';
import { lengthClass, table } from './table.js';

type Point = Sensitivity['groups'][number]['points'][number];

/** A group without a share of its channels. */
interface Row extends Point {
  name: string;
  channels: number;
}

/** What the model is worth without a share of each group's channels. */
export function sensitivitySection(report: Report): Content {
  const { sensitivity } = report;
  if (!sensitivity) return undefined;
  const { groups, measure } = sensitivity;
  const rows = groups.flatMap(({ name, channels, points }) => points.map((point) => ({ name, channels, ...point })));
  const shares = [...new Set(rows.map(({ share }) => share))].sort(ascending);
  return markup`<section id="sensitivity"${lengthClass(rows.length)}><h2>Sensitivity</h2>
<p>${capitalized(sensitivityText(report))}.</p>
<div class="plots">${shares.map((share) => sharePlot(sensitivity, share))}</div>
${table<Row>(
  [
    { title: 'Group', text: true, cell: ({ name }) => markup`<code>${name}</code>` },
    { title: 'Channels', cell: ({ channels }) => formatFixed(channels), order: (a, b) => b.channels - a.channels },
    { title: 'left', cell: ({ left }) => formatFixed(left), order: (a, b) => b.left - a.left },
    {
      title: `${capitalized(measure)}, as removed`,
      cell: ({ removed }) => formatPercent(removed),
      order: (a, b) => a.removed - b.removed,
    },
    {
      title: 'fitted anew',
      cell: ({ fitted }) => optional(fitted, formatPercent),
      order: (a, b) => ascending(a.fitted, b.fitted),
    },
  ],
  rows,
  { id: 'sensitivity-list', caption: 'What groups of channels are worth' },
)}
</section>`;
}

/** A point per group in the order of the graph, as removed and as fitted anew, below the line of the whole model. */
function sharePlot({ groups, whole, measure }: Sensitivity, share: number): Content {
  const at = groups.map(({ points }) => points.find((point) => point.share === share));
  const curveOf = (figure: 'removed' | 'fitted') =>
    at.flatMap((point, place): [number, number][] => {
      const value = point?.[figure];
      return value === undefined ? [] : [[place + 1, 100 * value]];
    });
  const curves = [
    { role: 'before', text: 'as removed', points: curveOf('removed') },
    { role: 'after', text: 'fitted anew', points: curveOf('fitted') },
  ];
  const values = curves.flatMap(({ points }) => points.map(([, value]) => value));
  if (!values.length) return undefined;
  const worst = Math.min(...values);
  const marks = (x: Scale, y: Scale): Markup[] =>
    curves.map(({ role, text, points }) => {
      const draw = line<[number, number]>(
        ([place]) => x(place),
        ([, value]) => y(value),
      );
      return markup`<path class="curve ${role}" d="${draw(points) ?? ''}"/>${points.map(
        ([place, value]) =>
          markup`<circle class="point ${role}" cx="${x(place)}" cy="${y(value)}" r="3"><title>${printable(groups[place - 1]!.name)}: ${formatPlain(value)} % ${text}</title></circle>`,
      )}`;
    });
  const title = `${capitalized(measure)} without ${formatPlain(100 * share)} % of a group`;
  return markup`<figure><figcaption>${title}, as removed and as fitted anew</figcaption>${plotSvg({
    title,
    description: `${formatPlain(worst)} % at worst, ${formatPlain(100 * whole)} % with all channels`,
    x: { label: 'place in the graph', domain: [0.5, groups.length + 0.5], whole: true },
    y: { label: `${measure}, %`, domain: domainOf([...values, 100 * whole]) },
    marks: (x, y) => [
      markup`<path class="axis" d="M${x(0.5)} ${y(100 * whole)}H${x(groups.length + 0.5)}"/>`,
      ...marks(x, y),
    ],
  })}</figure>`;
}
