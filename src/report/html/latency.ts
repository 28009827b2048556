import { line } from 'd3-shape';
import { formatDuration, formatFactor, formatFixed, formatNumber, optional } from '../format.js';
import { type Content, markup } from '../markup.js';
import type { Comparison, Latency, ModelReport, Report } from '../schema.js';
import { roleClass } from './overview.js';
import { domainOf, plotSvg } from './plot.js';
import { type Column, table } from './table.js';

type Timed = ModelReport & { latency: Latency };
type Speedup = NonNullable<Comparison['speedups']>[number];

/** How long runs take: the distribution, its quantiles, and the speed-up by batch size. */
export function latencySection({ models, comparison }: Report): Content {
  const timed = models.filter((model): model is Timed => model.latency !== undefined);
  if (!timed.length) return undefined;
  const speedups = comparison?.speedups ?? [];
  return markup`<section id="latency"><h2>Latency</h2>
<div class="columns"><div>${latencyPlot(timed)}</div><div>${speedups.length > 0 && speedupTable(speedups)}</div></div>
${table<Timed>(latencyColumns(timed), timed, { id: 'latency-list', caption: 'Time of a run' })}
</section>`;
}

function speedupTable(speedups: readonly Speedup[]): Content {
  return table<Speedup>(
    [
      { title: 'Batch', cell: ({ batch }) => formatFixed(batch) },
      { title: 'Times as fast', cell: ({ value }) => formatFactor(value) },
      { title: 'from', cell: ({ low }) => formatFactor(low) },
      { title: 'to', cell: ({ high }) => formatFactor(high) },
    ],
    speedups,
    { id: 'speedup-list', caption: 'Speed against the original, measured in alternation' },
  );
}

/** What is shown of how long runs take, from the fastest on; what the report lacks is left out. */
const DURATIONS: readonly (readonly [title: string, pick: (latency: Latency) => number | undefined])[] = [
  ['fastest', quantile(0)],
  ['25 %', quantile(0.25)],
  ['median', ({ medianMs }) => medianMs],
  ['75 %', quantile(0.75)],
  ['90 %', ({ p90Ms }) => p90Ms],
  ['95 %', quantile(0.95)],
  ['slowest', quantile(1)],
];

function latencyColumns(timed: readonly Timed[]): Column<Timed>[] {
  const like = timed[0]!.latency.medianMs;
  const shown = DURATIONS.filter(([, pick]) => timed.some(({ latency }) => pick(latency) !== undefined));
  return [
    { title: 'Model', text: true, cell: ({ role }) => markup`<span class="key ${roleClass(role)}">${role}</span>` },
    { title: 'Batch', cell: ({ latency }) => formatFixed(latency.batch) },
    ...shown.map(([title, pick]) => ({
      title,
      cell: ({ latency }: Timed) => optional(pick(latency), (ms) => formatDuration(ms, like)),
    })),
    { title: 'Throughput', cell: ({ latency }) => `${formatNumber(latency.throughput)}/s` },
  ];
}

/** Picks the quantile at a share of runs, where it is one of those that a report holds. */
function quantile(share: number): (latency: Latency) => number | undefined {
  return ({ quantilesMs }) => quantilesMs?.[share * (quantilesMs.length - 1)];
}

/** Share of runs that are done after a time; the slowest tenth, often outliers, may lie outside. */
function latencyPlot(timed: readonly Timed[]): Content {
  const curves = timed.flatMap(({ role, latency }) =>
    latency.quantilesMs ? [{ role, values: latency.quantilesMs }] : [],
  );
  if (!curves.length) return undefined;
  const inner = curves.flatMap(({ values }) => values.slice(0, Math.max(2, Math.ceil(0.9 * values.length))));
  const log = Math.min(...inner) > 0 && Math.max(...inner) > 3 * Math.min(...inner);
  const domain = domainOf(inner, { log });
  return plotSvg({
    title: 'Share of runs done after a time',
    description: timed.map(({ role, latency }) => `${role}: median ${formatDuration(latency.medianMs)}`).join('; '),
    x: { label: 'ms per run', domain, log },
    y: { label: 'runs done, %', domain: [0, 100] },
    marks: (x, y) => {
      const draw = line<[ms: number, share: number]>(
        ([ms]) => x(ms),
        ([, share]) => y(share),
      );
      return curves.map(({ role, values }) => {
        const points = values.map((ms, index): [number, number] => [ms, (100 * index) / (values.length - 1)]);
        const seen = points.filter(([ms]) => ms >= domain[0] && ms <= domain[1]);
        return markup`<path class="curve ${roleClass(role)}" d="${draw(seen) ?? ''}"/>`;
      });
    },
  });
}
