import { formatPercent, formatPlain, optional } from './format.js';
import { codeSpan, cutNote, type Details, MOST_ROWS, markdownTable, markdownText } from './markdown-text.js';
import type { Report } from './schema.js';
import { chosenOnText, droppedTexts, jointText } from './summary.js';

type Adaptive = NonNullable<Report['adaptive']>;

/** Where samples leave a model whose cost depends on the input, and what other thresholds would give. */
export function exitDetails({ adaptive }: Report): ReturnType<Details> {
  if (!adaptive) return undefined;
  const notes = [jointText(adaptive), chosenOnText(adaptive), ...droppedTexts(adaptive)]
    .filter(Boolean)
    .map(markdownText);
  return {
    title: 'Where samples leave the model',
    body: [exitTable(adaptive), notes.join('<br>\n'), classTable(adaptive), curveTable(adaptive)]
      .filter(Boolean)
      .join('\n\n'),
  };
}

function exitTable({ exits }: Adaptive): string {
  return markdownTable(
    ['Exit', 'Threshold', 'Samples', 'right', 'right if all left here', 'Cost up to here'],
    exits.map(({ name, after, threshold, share, accuracy, alone, macs }) => [
      `${markdownText(name)}${after === undefined ? '' : ` ${codeSpan(after)}`}`,
      formatPlain(threshold),
      formatPercent(share),
      share ? formatPercent(accuracy) : '–',
      optional(alone, formatPercent),
      optional(macs, formatPercent),
    ]),
    [0],
  );
}

function classTable({ exits }: Adaptive): string {
  const names = exits[0]?.classes?.map((entry) => entry.class) ?? [];
  const rows = names
    .slice(0, MOST_ROWS)
    .map((name, row) => [
      codeSpan(name),
      ...exits.map(({ classes }) => optional(classes?.[row]?.share, formatPercent)),
    ]);
  const head = `Class${cutNote(names.length, 'the first')}`;
  return markdownTable([head, ...exits.map(({ name }) => markdownText(name))], rows, [0]);
}

function curveTable({ curve }: Adaptive): string {
  const keys = [...new Set(curve.flatMap((entry) => Object.keys(entry)))];
  const rows = curve.slice(0, MOST_ROWS).map((entry) => keys.map((key) => optional(entry[key], formatPlain)));
  return markdownTable(keys.map(markdownText), rows, []);
}
