import { formatPoints } from '../format.js';
import { gateText, verdictOf } from '../gate-text.js';
import { type Change, type Headline, type HeadlineRow, headlineOf, keyRows } from '../headline.js';
import { type Content, type Markup, markup } from '../markup.js';
import type { Gate, ModelReport, Report } from '../schema.js';
import { factTexts, kernelText, modelPaths, nodeText, predictionText, runText } from '../summary.js';
import { intervalSvg } from './interval.js';
import { table } from './table.js';

/** Title, verdict, and what the figures rest on. */
export function headerOf(report: Report): Markup {
  const names = modelPaths(report).map((path) => path.split(/[\\/]/).at(-1) ?? path);
  const { passed, text } = verdictOf(report.gates);
  const tone = report.gates.length === 0 ? '' : passed ? ' good' : ' bad';
  return markup`<header>
<p class="kicker"><b>nncompress</b> ${runText(report)}</p>
<h1>${names.length ? names.map((name, index) => markup`${index > 0 && markup` <span class="arrow">→</span> `}${name}`) : 'no model'}</h1>
<p class="facts"><span class="pill${tone}">${text}</span> ${factTexts(report).join(' · ')}</p>
</header>`;
}

/** Size, speed and quality in large letters. */
export function cardsOf(report: Report): Content {
  const headline = headlineOf(report);
  const cards = keyRows(headline).map((row) => card(row, headline, report));
  return cards.length > 0 && markup`<section class="cards" aria-label="Headline">${cards}</section>`;
}

/** What the bars of a card compare. */
const MEASURES: Readonly<Record<string, (model: ModelReport) => number | undefined>> = {
  Size: ({ bytes }) => bytes,
  'Latency, mean': ({ latency }) => latency?.meanMs,
  'Latency, median': ({ latency }) => latency?.medianMs,
};

function card(row: HeadlineRow, { models, confidence }: Headline, report: Report): Markup {
  const { label, cells, change } = row;
  const { main, range } = partsOf(change);
  const measure = MEASURES[label];
  const drop = label === 'Accuracy' ? report.comparison?.accuracyDrop : undefined;
  const limit = report.gates.find(({ name }) => name === 'max-drop')?.limit;
  const bars = models.map((model, index) =>
    bar(model.role, cells[index] ?? '', measure && share(models, model, measure)),
  );
  return markup`<article class="card">
<h2>${label}</h2>
<p class="figure${change ? toneOf(change) : ''}">${change ? main : cells.at(-1)}</p>
<p class="range">${range && `${range}, ${confidence} interval`}</p>
${drop && intervalSvg(drop, limit)}
${models.length > 1 && markup`<dl class="bars">${bars}</dl>`}
</article>`;
}

function bar(role: string, cell: string, length: number | undefined): Markup {
  const drawn = length !== undefined && markup`<i style="--length:${length.toFixed(4)}"></i>`;
  return markup`<div class="${roleClass(role)}"><dt>${role}</dt><dd>${cell || '–'}</dd>${drawn}</div>`;
}

function share(
  models: readonly ModelReport[],
  model: ModelReport,
  measure: (model: ModelReport) => number | undefined,
) {
  const value = measure(model);
  return value === undefined ? undefined : value / Math.max(...models.map((other) => measure(other) ?? 0), 1e-12);
}

/** Class that gives a role its colour. */
export function roleClass(role: string): string {
  return role === 'original' ? 'before' : role === 'compressed' ? 'after' : 'other';
}

function partsOf(change: Change | undefined): { main: string; range: string } {
  const [, main = '', range = ''] = /^(.*?)(?: \((.*)\))?$/.exec(change?.text ?? '') ?? [];
  return { main, range };
}

function toneOf({ sense }: Change): string {
  return sense > 0 ? ' good' : sense < 0 ? ' bad' : '';
}

/** All that was measured of each model, side by side. */
export function modelsSection(report: Report): Content {
  const { models, rows, confidence } = headlineOf(report);
  if (!rows.length) return undefined;
  const changes = rows.some(({ change }) => change);
  const predictions = predictionText(report);
  const kernels = kernelText(report);
  return markup`<section id="models"><h2>Models</h2>
${table<HeadlineRow>(
  [
    { title: '', text: true, cell: ({ label }) => label },
    ...models.map(({ role }, index) => ({ title: role, cell: ({ cells }: HeadlineRow) => cells[index] })),
    ...(changes
      ? [
          {
            title: `change (${confidence} interval)`,
            cell: ({ change }: HeadlineRow) => change?.text,
            tone: ({ change }: HeadlineRow) => change && toneOf(change).trim(),
          },
        ]
      : []),
  ],
  rows,
  { id: 'headline', caption: 'The models side by side' },
)}
${predictions && markup`<p>Predictions: ${predictions}.</p>`}
${report.nodes?.length ? markup`<p>Nodes: ${nodeText(report.nodes)}.</p>` : ''}
${kernels && markup`<p>Kernels that ONNX Runtime uses: ${kernels}.</p>`}
</section>`;
}

/** Every gate with its limit and what was measured. */
export function gatesSection({ gates, comparison }: Report): Content {
  if (!gates.length) return undefined;
  const text = (gate: Gate) => gateText(gate, comparison?.confidence);
  const ending = (gate: Gate) => (gate.passed ? (gate.verdict === 'undecided' ? 'undecided' : 'passed') : 'failed');
  return markup`<section id="gates"><h2>Gates</h2>
${table<Gate>(
  [
    { title: 'Gate', text: true, cell: (gate) => text(gate).name },
    { title: 'Limit', cell: (gate) => text(gate).limit },
    { title: 'Measured', cell: (gate) => text(gate).value },
    {
      title: 'Result',
      text: true,
      cell: (gate) =>
        markup`<span class="badge ${ending(gate)}">${gate.passed ? 'passed' : 'failed'}</span> ${text(gate).note}`,
    },
  ],
  gates,
  { id: 'gate-list', caption: 'Limits that the result must keep' },
)}
</section>`;
}

/** What the reader must know before believing the figures. */
export function warningsSection({ warnings }: Report): Content {
  if (!warnings.length) return undefined;
  return markup`<section id="warnings" class="warnings"><h2>Warnings</h2><ul>${warnings.map((text) => markup`<li>${text}</li>`)}</ul></section>`;
}

/** Points with their sign, coloured by a class that says whether that is better. */
export function changeTone(change: number | undefined): string | undefined {
  if (change === undefined || formatPoints(change) === '0.00') return 'still';
  return change > 0 ? 'good' : 'bad';
}
