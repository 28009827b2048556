import type { ChalkInstance } from 'chalk';
import { cutLine, formatDecibels, formatFixed, printable } from './format.js';
import type { ChangedSample, LayersReport, Report } from './schema.js';

/** How lines are shown. */
interface View {
  color: ChalkInstance;
  /** Columns of the terminal. */
  width: number;
}

const MOST_SAMPLES = 10;

/** Lines about samples whose prediction changed, and about inner values: what has no room in the summary. */
export function renderChanges({ changedSamples = [], comparison, layers }: Report, view: View): string[] {
  return [
    ...(changedSamples.length ? ['', ...sampleLines(changedSamples, comparison?.changed, view)] : []),
    ...(layers ? ['', ...layerLines(layers, view)] : []),
  ];
}

function sampleLines(
  samples: readonly ChangedSample[],
  changed: { gained: number; lost: number } | undefined,
  { color, width }: View,
): string[] {
  const names = (classes: readonly string[]) => classes.map(printable).join(', ') || 'none';
  const lines = samples.slice(0, MOST_SAMPLES).map(({ change, index, place, target, before, after }) => {
    const label = target.length ? `, is ${names(target)}` : '';
    const text = `${change.padEnd(6)} ${index}  ${printable(place)}: ${names(before)} → ${names(after)}${label}`;
    return paint(cutLine(text, width - 2), change, color);
  });
  const rest = samples.length - lines.length;
  const counts = changed ? ` (${formatFixed(changed.lost)} lost, ${formatFixed(changed.gained)} gained)` : '';
  return [
    `${color.bold.cyan('Changed samples')}${counts}`,
    ...lines.map((line) => `  ${line}`),
    ...(rest > 0 ? [`  … ${formatFixed(rest)} more in the report`] : []),
  ];
}

function paint(text: string, change: ChangedSample['change'], color: ChalkInstance): string {
  return change === 'lost' ? color.red(text) : change === 'gained' ? color.green(text) : text;
}

function layerLines({ samples, values, start, mostAdded }: LayersReport, { color, width }: View): string[] {
  const operators = Math.max(0, ...values.map(({ op }) => op.length));
  const lines = values.map(({ name, op, sqnrDb }) => {
    const decibels = sqnrDb === undefined ? 'equal' : formatDecibels(sqnrDb);
    const notes = [
      ...(name === start ? ['error starts here'] : []),
      ...(name === mostAdded ? ['adds most error'] : []),
    ];
    const mark = notes.length ? `  ← ${notes.join(', ')}` : '';
    const head = `${decibels.padStart(9)}  ${op.padEnd(operators)}  `;
    return `${head}${cutLine(printable(name), Math.max(8, width - head.length - mark.length - 2))}${color.yellow(mark)}`;
  });
  return [
    `${color.bold.cyan('Inner values')} (signal to noise on ${formatFixed(samples)} samples, without fusions)`,
    ...lines.map((line) => `  ${line}`),
    ...(start === undefined ? ['  no value differs by more than rounding'] : []),
  ];
}
