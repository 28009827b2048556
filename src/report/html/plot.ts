import { scaleLinear, scaleLog } from 'd3-scale';
import { type Content, type Markup, markup } from '../markup.js';

/** One direction of a plot. */
export interface Axis {
  /** What is measured, with its unit. */
  label: string;
  domain: readonly [number, number];
  /** Equal distances are equal ratios. */
  log?: boolean | undefined;
  /** Only whole numbers get a tick. */
  whole?: boolean | undefined;
}

/** Where a value lies in a plot. */
export type Scale = (value: number) => number;

/** What is plotted. */
export interface Plot {
  title: string;
  /** What a reader who cannot see it should know. */
  description: string;
  x: Axis;
  y: Axis;
  /** Draws the marks, given where values lie. */
  marks(x: Scale, y: Scale): Content;
}

const WIDTH = 480;
const HEIGHT = 240;
const MARGIN = { top: 26, right: 16, bottom: 40, left: 52 };
const TICKS = 5;

/** A plot as SVG with a frame, axes and a text alternative; colours come from the style sheet. */
export function plotSvg({ title, description, x, y, marks }: Plot): Markup {
  const right = WIDTH - MARGIN.right;
  const bottom = HEIGHT - MARGIN.bottom;
  const across = scaleOf(x, [MARGIN.left, right]);
  const upward = scaleOf(y, [bottom, MARGIN.top]);
  return markup`<svg class="plot" viewBox="0 0 ${WIDTH} ${HEIGHT}" role="img" aria-label="${title}: ${description}">
<g class="grid">${ticksOf(upward, y).map(([at]) => markup`<path d="M${MARGIN.left} ${at}H${right}"/>`)}</g>
<g class="ticks" text-anchor="end">${ticksOf(upward, y).map(
    ([at, text]) => markup`<text x="${MARGIN.left - 8}" y="${at + 4}">${text}</text>`,
  )}</g>
<g class="ticks" text-anchor="middle">${ticksOf(across, x).map(
    ([at, text]) => markup`<text x="${at}" y="${bottom + 17}">${text}</text>`,
  )}</g>
<path class="axis" d="M${MARGIN.left} ${bottom}H${right}"/>
<text class="label" x="${right}" y="${HEIGHT - 6}" text-anchor="end">${x.label}</text>
<text class="label" x="0" y="12">${y.label}</text>
${marks(
  (value) => rounded(across(value)),
  (value) => rounded(upward(value)),
)}
</svg>`;
}

/** Below this, differences are no difference to a plot. */
const TINY = 1e-9;

/** A range that holds all values with some room at both ends, also where they are all the same. */
export function domainOf(values: readonly number[], { log = false, room = 0.05 } = {}): [number, number] {
  const [low, high] = [Math.min(...values), Math.max(...values)];
  if (log) {
    const [least, most] = [Math.max(low, TINY), Math.max(high, TINY)];
    const margin = 1.02 * (most / least) ** room;
    return [least / margin, most * margin];
  }
  const size = Math.max(Math.abs(low), Math.abs(high), 1);
  const span = high - low > TINY * size ? high - low : size;
  return [low - room * span, high + room * span];
}

function scaleOf({ domain, log }: Axis, range: [number, number]) {
  return (log ? scaleLog() : scaleLinear()).domain(domain).range(range);
}

function ticksOf(scale: ReturnType<typeof scaleOf>, { log, whole }: Axis): [at: number, text: string][] {
  const format = scale.tickFormat(TICKS, log ? ',.3~r' : whole ? ',' : undefined);
  return scale.ticks(TICKS).flatMap((value): [number, string][] => {
    const text = whole && !Number.isInteger(value) ? '' : format(value);
    return text ? [[rounded(scale(value)), text]] : [];
  });
}

function rounded(coordinate: number): number {
  return Math.round(10 * coordinate) / 10;
}
