import { scaleLinear } from 'd3-scale';
import { formatPoints } from '../format.js';
import { type Markup, markup } from '../markup.js';
import type { Interval } from '../schema.js';

const WIDTH = 260;
const HEIGHT = 46;
const MIDDLE = 16;

/**
 * An interval of a drop as a dot with whiskers beside zero and the limit; worse is left.
 * @param drop as a fraction, positive where accuracy was lost.
 * @param limit most drop that is allowed.
 */
export function intervalSvg({ value, low, high }: Interval, limit?: number): Markup {
  const marks = [0, -value, -low, -high, ...(limit === undefined ? [] : [-limit])];
  const [least, most] = [Math.min(...marks), Math.max(...marks)];
  const room = 0.12 * Math.max(most - least, 1e-6);
  const scale = scaleLinear([least - room, most + room], [0, WIDTH]);
  const x = (change: number) => Math.round(10 * scale(change)) / 10;
  const words = `change ${formatPoints(-value)} points, interval ${formatPoints(-high)} to ${formatPoints(-low)}`;
  const near = limit !== undefined && Math.abs(x(-limit) - x(0)) < 60;
  return markup`<svg class="interval" viewBox="0 0 ${WIDTH} ${HEIGHT}" role="img" aria-label="${words}">
<path class="axis" d="M0 ${MIDDLE}H${WIDTH}"/>
<path class="zero" d="M${x(0)} 4V28"/>${
    !near && markup`<text x="${x(0)}" y="42" text-anchor="${anchor(x(0))}">no change</text>`
  }${
    limit !== undefined &&
    markup`<path class="limit" d="M${x(-limit)} 2V30"/><text x="${x(-limit)}" y="42" text-anchor="${anchor(x(-limit))}">limit ${formatPoints(-limit)}</text>`
  }
<path class="whisker" d="M${x(-high)} ${MIDDLE}H${x(-low)}"/>
<circle class="dot" cx="${x(-value)}" cy="${MIDDLE}" r="5"/>
</svg>`;
}

function anchor(x: number): string {
  return x < 40 ? 'start' : x > WIDTH - 40 ? 'end' : 'middle';
}
