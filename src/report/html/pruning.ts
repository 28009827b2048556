import { line } from 'd3-shape';
import { formatFactor, formatFixed, formatPercent, formatPlain } from '../format.js';
import { type Content, markup } from '../markup.js';
import type { Report } from '../schema.js';
import { entryOf, pruningText } from '../summary.js';
import { domainOf, plotSvg } from './plot.js';
import { lengthClass, table } from './table.js';

type Pruning = NonNullable<Report['pruning']>;
type Group = Pruning['groups'][number];
type Kept = NonNullable<Pruning['left']>[number];

/** What groups are made of, in the order of the table's columns. */
const NOUNS = { channels: 'Channels', weights: 'Weights', layers: 'Layers' } as const;

/** What was removed, layer by layer, and what each step cost. */
export function pruningSection(report: Report): Content {
  const { pruning } = report;
  if (!pruning) return undefined;
  const { kind = 'channels', macsRatio, parametersRatio, groups, left = [], steps } = pruning;
  return markup`<section id="pruning"${lengthClass(groups.length)}><h2>Pruning</h2>
<p>${formatFactor(macsRatio)} fewer multiply-accumulates, ${formatFactor(parametersRatio)} fewer parameters.</p>
<p>${pruningText(report)}</p>
<div class="plots">${widthPlot(groups, NOUNS[kind])}${stepPlot(report)}</div>
${groupTable(groups, NOUNS[kind])}
${left.length > 0 && keptTable(left)}
${steps.length > 0 && stepTable(steps)}
</section>`;
}

function groupTable(groups: readonly Group[], noun: string): Content {
  const most = Math.max(...groups.map(({ before }) => before), 1);
  return table<Group>(
    [
      { title: 'Group', text: true, cell: ({ name }) => markup`<code>${name}</code>` },
      { title: `${noun} before`, cell: ({ before }) => formatFixed(before), order: (a, b) => b.before - a.before },
      {
        title: 'after',
        cell: ({ after }) =>
          markup`${formatFixed(after)}<i class="bar after" style="--length:${(after / most).toFixed(4)}"></i>`,
        order: (a, b) => b.after - a.after,
      },
      {
        title: 'left',
        cell: ({ before, after }) => (before ? formatPercent(after / before) : ''),
        order: (a, b) => a.after / a.before - b.after / b.before,
      },
    ],
    groups,
    { id: 'group-list', caption: `${noun} of each group` },
  );
}

function keptTable(left: readonly Kept[]): Content {
  return markup`<details><summary>What had to stay</summary>${table<Kept>(
    [
      { title: 'Layer', text: true, cell: ({ name }) => markup`<code>${name}</code>` },
      { title: 'Reason', text: true, cell: ({ reason }) => reason },
    ],
    left,
    { id: 'kept-list', caption: 'Layers that had to stay as they are' },
  )}</details>`;
}

function stepTable(steps: Pruning['steps']): Content {
  const keys = [...new Set(steps.flatMap((step) => Object.keys(step)))];
  return markup`<details><summary>Steps</summary>${table(
    keys.map((key) => ({ title: key, cell: (step: Record<string, unknown>) => shown(entryOf(step, key)) })),
    steps,
    { id: 'pruning-steps', caption: 'Steps of pruning' },
  )}</details>`;
}

function shown(value: unknown): string {
  if (typeof value === 'number') return formatPlain(value);
  return typeof value === 'string' ? value : value === undefined ? '' : JSON.stringify(value);
}

/** A column per group in the order of the graph: what there was, and in it what is left. */
function widthPlot(groups: readonly Group[], noun: string): Content {
  if (groups.length < 2) return undefined;
  const most = Math.max(...groups.map(({ before }) => before), 1);
  const narrowed = groups.filter(({ before, after }) => after < before).length;
  return markup`<figure><figcaption>${noun} layer by layer, before and after</figcaption>${plotSvg({
    title: `${noun} of each group`,
    description: `fewer in ${narrowed} of ${groups.length} groups`,
    x: { label: 'place in the graph', domain: [0, groups.length], whole: true },
    y: { label: '', domain: [0, 1.05 * most] },
    marks: (x, y) =>
      groups.map(({ name, before, after }, k) => {
        const [from, to] = [x(k + 0.1), x(k + 0.9)];
        const column = (count: number) => `M${from} ${y(0)}V${y(count)}H${to}V${y(0)}Z`;
        return markup`<g><title>${name}: ${formatFixed(after)} of ${formatFixed(before)}</title><path class="column before" d="${column(before)}"/><path class="column after" d="${column(after)}"/></g>`;
      }),
  })}</figure>`;
}

type Point = [cost: number, accuracy: number];

/** What accuracy each step cost, as pruned and as trained, from the original on. */
function stepPlot({ pruning, models }: Report): Content {
  const { steps, kind } = pruning!;
  const key = kind === 'weights' ? 'sparsity' : 'macs';
  const original = models.find(({ role }) => role === 'original')?.metrics?.accuracy;
  const start: Point[] = original === undefined ? [] : [[kind === 'weights' ? 0 : 100, 100 * original]];
  const curveOf = (figure: string): Point[] => {
    const points = steps.flatMap((step): Point[] => {
      const [cost, accuracy] = [step[key], step[figure]];
      return typeof cost === 'number' && typeof accuracy === 'number' ? [[100 * cost, 100 * accuracy]] : [];
    });
    return points.length ? [...start, ...points].sort(([a], [b]) => a - b) : [];
  };
  const curves = [
    { role: 'before', points: curveOf('accuracy') },
    { role: 'after', points: curveOf('trained') },
  ].filter(({ points }) => points.length > 1);
  if (!curves.length) return undefined;
  const all = curves.flatMap(({ points }) => points);
  const draw = (x: (value: number) => number, y: (value: number) => number) =>
    line<Point>(
      ([cost]) => x(cost),
      ([, accuracy]) => y(accuracy),
    );
  return markup`<figure><figcaption>Accuracy by step, as pruned and as trained</figcaption>${plotSvg({
    title: 'Accuracy by step',
    description: all.map(([cost, accuracy]) => `${formatPlain(accuracy)} % at ${formatPlain(cost)} %`).join('; '),
    x: {
      label: kind === 'weights' ? 'zeros, %' : 'multiply-accumulates left, %',
      domain: domainOf(all.map(([cost]) => cost)),
    },
    y: { label: 'accuracy, %', domain: domainOf(all.map(([, accuracy]) => accuracy)) },
    marks: (x, y) =>
      curves.map(
        ({ role, points }) =>
          markup`<path class="curve ${role}" d="${draw(x, y)(points) ?? ''}"/>${points.map(
            ([cost, accuracy]) => markup`<circle class="point ${role}" cx="${x(cost)}" cy="${y(accuracy)}" r="3"/>`,
          )}`,
      ),
  })}</figure>`;
}
