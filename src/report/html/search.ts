import { formatDecibels, formatFactor, formatPercent, optional } from '../format.js';
import { type Content, type Markup, markup } from '../markup.js';
import type { Report, Trial } from '../schema.js';
import { domainOf, plotSvg } from './plot.js';
import { table } from './table.js';

/** What the search for a method tried: speed against nearness to the original. */
export function searchSection({ quantization }: Report): Content {
  const trials = quantization?.trials ?? [];
  if (!trials.length) return undefined;
  const batches = Math.max(...trials.map(({ speedups = [] }) => speedups.length));
  return markup`<section id="search"><h2>Search</h2>
<p class="hint">What was tried on calibration inputs, the one taken first. How near a candidate comes is measured only until one is near enough.</p>
${trialPlot(trials)}
${table<Trial>(
  [
    { title: 'Method', text: true, cell: ({ method }) => method },
    ...Array.from({ length: batches }, (_, batch) => ({
      title: batches === 1 ? 'Speed' : `Speed, batch ${batch + 1} of ${batches}`,
      cell: ({ speedups }: Trial) => optional(speedups?.[batch], formatFactor),
    })),
    { title: 'SQNR', cell: ({ sqnrDb }) => optional(sqnrDb, formatDecibels) },
    { title: 'Agreement', cell: ({ agreement }) => optional(agreement, formatPercent) },
    { title: '', text: true, cell: ({ chosen }) => chosen && markup`<span class="badge passed">taken</span>` },
  ],
  trials,
  { id: 'trial-list', caption: 'What the search tried' },
)}
</section>`;
}

function trialPlot(trials: readonly Trial[]): Content {
  const points = trials.flatMap(({ speedups: [speed] = [], sqnrDb, chosen, method }) =>
    speed === undefined || sqnrDb === undefined ? [] : [{ speed, sqnrDb, chosen, method }],
  );
  if (points.length < 2) return undefined;
  return markup`<div class="plots">${plotSvg({
    title: 'Speed and nearness of what was tried',
    description: points
      .map(({ method, speed, sqnrDb }) => `${method}: ${formatFactor(speed)}, ${formatDecibels(sqnrDb)}`)
      .join('; '),
    x: { label: 'times as fast', domain: domainOf(points.map(({ speed }) => speed)) },
    y: { label: 'SQNR, dB', domain: domainOf(points.map(({ sqnrDb }) => sqnrDb)) },
    marks: (x, y): Markup[] =>
      points.map(
        ({ speed, sqnrDb, chosen, method }) =>
          markup`<circle class="point after${chosen && ' marked'}" cx="${x(speed)}" cy="${y(sqnrDb)}" r="${chosen ? 6 : 4}"><title>${method}</title></circle>`,
      ),
  })}</div>`;
}
