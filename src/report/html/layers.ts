import { line } from 'd3-shape';
import { formatDecibels, formatFixed, formatNumber } from '../format.js';
import { type Content, markup } from '../markup.js';
import type { LayersReport, Report } from '../schema.js';
import { ascending } from '../summary.js';
import { domainOf, plotSvg } from './plot.js';
import { lengthClass, table } from './table.js';

type Layer = LayersReport['values'][number];

/** How near the inner values of both models are, in the order of the graph. */
export function layersSection({ layers }: Report): Content {
  if (!layers) return undefined;
  const { samples, values, start, mostAdded } = layers;
  const mark = (name: string, title: string, marked: string | undefined) =>
    name === marked && markup` <span class="badge undecided">${title}</span>`;
  return markup`<section id="layers"${lengthClass(values.length)}><h2>Inner values</h2>
<p class="hint">On ${formatFixed(samples)} samples, without the runtime's fusions. ${start === undefined && 'No value differs by more than rounding.'}</p>
<div class="plots">${layerPlot(values)}</div>
${table<Layer>(
  [
    {
      title: 'Value',
      text: true,
      cell: ({ name }) =>
        markup`<code>${name}</code>${mark(name, 'error starts here', start)}${mark(name, 'adds most error', mostAdded)}`,
    },
    { title: 'Compressed', text: true, cell: ({ counterpart }) => counterpart && markup`<code>${counterpart}</code>` },
    { title: 'Operator', text: true, cell: ({ op }) => op },
    {
      title: 'SQNR',
      cell: ({ sqnrDb }) => (sqnrDb === undefined ? 'equal' : formatDecibels(sqnrDb)),
      order: (a, b) => ascending(a.sqnrDb, b.sqnrDb),
    },
    { title: 'Cosine', cell: ({ cosine }) => formatFixed(cosine, 5), order: (a, b) => a.cosine - b.cosine },
    {
      title: 'Largest error',
      cell: ({ maxAbsError }) => formatNumber(maxAbsError),
      order: (a, b) => b.maxAbsError - a.maxAbsError,
    },
  ],
  values,
  { id: 'layer-list', caption: 'Inner values in the order of the graph' },
)}
</section>`;
}

function layerPlot(values: readonly Layer[]): Content {
  const points = values.flatMap(({ sqnrDb, name }, place) => (sqnrDb === undefined ? [] : [{ place, sqnrDb, name }]));
  if (points.length < 2) return undefined;
  const worst = points.reduce((low, point) => (point.sqnrDb < low.sqnrDb ? point : low));
  return plotSvg({
    title: 'Signal to noise ratio along the graph',
    description: `lowest at ${worst.name}: ${formatDecibels(worst.sqnrDb)}`,
    x: { label: 'place in the graph', domain: domainOf(points.map(({ place }) => place)), whole: true },
    y: { label: 'SQNR, dB', domain: domainOf(points.map(({ sqnrDb }) => sqnrDb)) },
    marks: (x, y) => {
      const draw = line<(typeof points)[number]>(
        ({ place }) => x(place),
        ({ sqnrDb }) => y(sqnrDb),
      );
      return markup`<path class="curve after" d="${draw(points) ?? ''}"/>`;
    },
  });
}
