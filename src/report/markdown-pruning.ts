import { capitalized, formatFixed, formatPercent, optional } from './format.js';
import { codeSpan, cutNote, type Details, MOST_ROWS, markdownTable, markdownText } from './markdown-text.js';
import type { Report } from './schema.js';
import { stepTexts } from './summary.js';

/** What is left of each group, what had to stay, and what each step cost. */
export function pruningDetails(report: Report): ReturnType<Details> {
  const { groups = [], left = [] } = report.pruning ?? {};
  if (!groups.length) return undefined;
  const table = markdownTable(
    ['Group', 'before', 'after', 'left'],
    groups
      .slice(0, MOST_ROWS)
      .map(({ name, before, after }) => [
        codeSpan(name),
        formatFixed(before),
        formatFixed(after),
        before ? formatPercent(after / before) : '',
      ]),
    [0],
  );
  const reasons = left
    .slice(0, MOST_ROWS)
    .map(({ name, reason }) => `${codeSpan(name)} stays: ${markdownText(reason)}`);
  return {
    title: `What was pruned${cutNote(groups.length, 'the first')}`,
    body: [stepTexts(report).map(markdownText).join('<br>\n'), table, reasons.join('<br>\n')]
      .filter(Boolean)
      .join('\n\n'),
  };
}

/** What the model is worth without a share of each group's channels. */
export function sensitivityDetails({ sensitivity }: Report): ReturnType<Details> {
  if (!sensitivity?.groups.length) return undefined;
  const { groups, measure } = sensitivity;
  const hasFitted = groups.some(({ points }) => points.some(({ fitted }) => fitted !== undefined));
  const rows = groups.flatMap(({ name, channels, points }) =>
    points.map(({ left, removed, fitted }) => [
      codeSpan(name),
      `${formatFixed(left)} of ${formatFixed(channels)}`,
      formatPercent(removed),
      ...(hasFitted ? [optional(fitted, formatPercent)] : []),
    ]),
  );
  return {
    title: `What groups of channels are worth${cutNote(rows.length, 'the first')}`,
    body: markdownTable(
      ['Group', 'Channels left', `${capitalized(measure)} then`, ...(hasFitted ? ['fitted anew'] : [])],
      rows.slice(0, MOST_ROWS),
      [0],
    ),
  };
}
