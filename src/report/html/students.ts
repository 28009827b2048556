import { line } from 'd3-shape';
import { formatBytes, formatDuration, formatFixed, formatPercent, optional } from '../format.js';
import { type Content, type Markup, markup } from '../markup.js';
import type { Report, StudentCandidate } from '../schema.js';
import { entryOf, studentsText } from '../summary.js';
import { domainOf, plotSvg } from './plot.js';
import { table } from './table.js';

/** The students that were tried on a part of the data: what they cost, how accurate they became, and how fast. */
export function studentsSection(report: Report): Content {
  const candidates = report.distillation?.candidates ?? [];
  if (!candidates.length) return undefined;
  return markup`<section id="students"><h2>Students</h2>
<p>${studentsText(report)}.</p>
<div class="plots">${costPlot(candidates)}${curvesPlot(candidates)}</div>
${table<StudentCandidate>(
  [
    { title: 'Student', text: true, cell: ({ template }) => template },
    { title: 'Channels', text: true, cell: ({ widths }) => widths?.join(', ') },
    { title: 'Parameters', cell: ({ parameters }) => optional(parameters, formatFixed) },
    { title: 'MACs', cell: ({ macs }) => optional(macs, formatFixed) },
    { title: 'Size', cell: ({ bytes }) => optional(bytes, formatBytes) },
    { title: 'Latency', cell: ({ latencyMs }) => optional(latencyMs, formatDuration) },
    { title: 'Samples', cell: ({ samples }) => optional(samples, formatFixed) },
    { title: 'Accuracy on others', cell: ({ accuracy }) => optional(accuracy, formatPercent) },
    {
      title: '',
      text: true,
      cell: ({ chosen, reason }) => (chosen ? markup`<span class="badge passed">taken</span>` : reason),
    },
  ],
  candidates,
  { id: 'student-list', caption: 'Students that were tried on a part of the training data' },
)}
</section>`;
}

const tone = ({ chosen }: StudentCandidate) => (chosen ? 'after' : 'other');

/** Accuracy against operations. */
function costPlot(candidates: readonly StudentCandidate[]): Content {
  const points = candidates.flatMap((one) =>
    one.macs === undefined || one.accuracy === undefined ? [] : [{ ...one, macs: one.macs, accuracy: one.accuracy }],
  );
  if (points.length < 2) return undefined;
  return markup`<figure><figcaption>accuracy and cost</figcaption>${plotSvg({
    title: 'Accuracy and cost of the students',
    description: points
      .map(({ template, macs, accuracy }) => `${template}: ${formatFixed(macs)}, ${formatPercent(accuracy)}`)
      .join('; '),
    x: {
      label: 'multiply-accumulates a sample',
      domain: domainOf(
        points.map(({ macs }) => macs),
        { log: true, room: 0.15 },
      ),
      log: true,
    },
    y: {
      label: 'accuracy, %',
      domain: domainOf(
        points.map(({ accuracy }) => 100 * accuracy),
        { room: 0.12 },
      ),
    },
    marks: (x, y): Markup[] =>
      points.map((one) => {
        const [at, height] = [x(one.macs), y(100 * one.accuracy)];
        return markup`<circle class="point ${tone(one)}${one.chosen && ' marked'}" cx="${at}" cy="${height}" r="${one.chosen ? 6 : 4}"/><text class="label" x="${at}" y="${height - 9}" text-anchor="middle">${one.template}</text>`;
      }),
  })}</figure>`;
}

/** Accuracy by epoch, a curve for each. */
function curvesPlot(candidates: readonly StudentCandidate[]): Content {
  const curves = candidates.flatMap((one) => {
    const points = (one.history ?? []).flatMap((entry): [number, number][] => {
      const [epoch, accuracy] = [entryOf(entry, 'epoch'), entryOf(entry, 'validationAccuracy')];
      return epoch === undefined || accuracy === undefined ? [] : [[epoch, 100 * accuracy]];
    });
    return points.length > 1 ? [{ one, points }] : [];
  });
  if (!curves.length) return undefined;
  const all = curves.flatMap(({ points }) => points);
  return markup`<figure><figcaption>accuracy by epoch</figcaption>${plotSvg({
    title: 'Accuracy of the students by epoch',
    description: curves
      .map(
        ({ one, points }) =>
          `${one.template}: up to ${formatPercent(Math.max(...points.map(([, value]) => value)) / 100)}`,
      )
      .join('; '),
    x: {
      label: 'epoch',
      domain: domainOf(
        all.map(([epoch]) => epoch),
        { room: 0.03 },
      ),
      whole: true,
    },
    y: { label: 'accuracy, %', domain: domainOf(all.map(([, value]) => value)) },
    marks: (x, y): Markup[] =>
      curves.map(({ one, points }) => {
        const draw = line<[number, number]>(
          ([at]) => x(at),
          ([, value]) => y(value),
        );
        return markup`<path class="curve ${tone(one)}" d="${draw(points) ?? ''}"><title>${one.template}</title></path>`;
      }),
  })}</figure>`;
}
