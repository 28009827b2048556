import { line } from 'd3-shape';
import { formatPlain, optional, printable } from '../format.js';
import { type Content, type Markup, markup } from '../markup.js';
import { entryOf } from '../summary.js';
import { domainOf, plotSvg } from './plot.js';
import { table } from './table.js';

type Entry = Readonly<Record<string, number>>;

/**
 * A list of records as a plot for each of their numbers, against the first one, and as a table.
 * @param marked value of the first number that is marked in the plots.
 */
export function curvesOf(entries: readonly Entry[], id: string, caption: string, marked?: number): Content {
  const [across, ...keys] = [...new Set(entries.flatMap((entry) => Object.keys(entry)))];
  if (across === undefined) return undefined;
  const plots = entries.length > 1 ? keys.map((key) => curve(entries, across, key, marked)) : [];
  return markup`<div class="plots">${plots}</div>
<details><summary>${caption} as numbers</summary>
${table<Entry>(
  [across, ...keys].map((key) => ({
    title: printable(key),
    cell: (entry) => optional(entryOf(entry, key), formatPlain),
  })),
  entries,
  { id, caption },
)}
</details>`;
}

function curve(entries: readonly Entry[], across: string, key: string, marked: number | undefined): Content {
  const points = entries.flatMap((entry): [number, number][] => {
    const [x, y] = [entryOf(entry, across), entryOf(entry, key)];
    return x === undefined || y === undefined ? [] : [[x, y]];
  });
  if (points.length < 2) return undefined;
  const [first, last] = [points[0]!, points.at(-1)!];
  return markup`<figure><figcaption>${printable(key)}</figcaption>${plotSvg({
    title: key,
    description: `from ${formatPlain(first[1])} to ${formatPlain(last[1])}`,
    x: {
      label: across,
      domain: domainOf(
        points.map(([x]) => x),
        { room: 0.03 },
      ),
    },
    y: { label: '', domain: domainOf(points.map(([, y]) => y)) },
    marks: (x, y): Markup => {
      const draw = line<[number, number]>(
        ([at]) => x(at),
        ([, value]) => y(value),
      );
      return markup`<path class="curve after" d="${draw(points) ?? ''}"/>${points.map(
        ([at, value]) =>
          markup`<circle class="point after${at === marked && ' marked'}" cx="${x(at)}" cy="${y(value)}" r="${at === marked ? 6 : 3}"/>`,
      )}`;
    },
  })}</figure>`;
}
