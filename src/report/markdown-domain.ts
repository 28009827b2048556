import { domainFitText } from './domain.js';
import { formatFactor, formatPercent, formatPlain } from './format.js';
import { codeSpan, cutNote, type Details, MOST_ROWS, markdownTable, markdownText } from './markdown-text.js';
import type { Report } from './schema.js';

/** What was fitted to another domain, and how predictions there are spread over the classes. */
export function domainDetails(report: Report): ReturnType<Details> {
  const { domain } = report;
  if (!domain) return undefined;
  const { norms = [], unlabelled } = domain;
  const most = [...unlabelled.classes].sort((a, b) => Math.abs(b.after - b.before) - Math.abs(a.after - a.before));
  const classes = markdownTable(
    ['Predicted as', 'before', 'after'],
    most.slice(0, MOST_ROWS).map((row) => [codeSpan(row.class), formatPercent(row.before), formatPercent(row.after)]),
    [0],
  );
  const layers = markdownTable(
    ['Normalization', '', 'Means moved by', 'Deviations'],
    norms
      .slice(0, MOST_ROWS)
      .map(({ name, kind, moved, widened }) => [
        codeSpan(name),
        markdownText(kind),
        `${formatPlain(moved)} deviations`,
        formatFactor(widened),
      ]),
    [0, 1],
  );
  return {
    title: `The new domain${cutNote(Math.max(norms.length, most.length), 'the first')}`,
    body: [markdownText(domainFitText(report)), classes, layers].filter(Boolean).join('\n\n'),
  };
}
