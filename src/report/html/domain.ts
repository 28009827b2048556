import { domainFitText, domainTexts } from '../domain.js';
import { formatFactor, formatPercent, formatPlain } from '../format.js';
import { type Content, markup } from '../markup.js';
import type { Report } from '../schema.js';
import { lengthClass, table } from './table.js';

type Domain = NonNullable<Report['domain']>;
type Norm = NonNullable<Domain['norms']>[number];
type Share = Domain['unlabelled']['classes'][number];

/** What fitting another domain did, class by class and layer by layer. */
export function domainSection(report: Report): Content {
  const { domain } = report;
  if (!domain) return undefined;
  const { norms = [], unlabelled } = domain;
  return markup`<section id="domain"${lengthClass(Math.max(norms.length, unlabelled.classes.length))}><h2>New domain</h2>
<p>${domainFitText(report)}</p>
<p>${domainTexts(report).join('; ')}</p>
${classTable(unlabelled.classes)}
${norms.length > 0 && normTable(norms)}
</section>`;
}

function classTable(classes: readonly Share[]): Content {
  const change = ({ before, after }: Share) => after - before;
  return table<Share>(
    [
      { title: 'Predicted as', text: true, cell: (row) => row.class },
      { title: 'before', cell: ({ before }) => formatPercent(before), order: (a, b) => b.before - a.before },
      { title: 'after', cell: ({ after }) => formatPercent(after), order: (a, b) => b.after - a.after },
      {
        title: 'change',
        cell: (row) => formatPercent(change(row)),
        order: (a, b) => Math.abs(change(b)) - Math.abs(change(a)),
      },
    ],
    classes,
    { id: 'predicted-classes', caption: 'Share of the samples of the new domain by predicted class' },
  );
}

function normTable(norms: readonly Norm[]): Content {
  return markup`<details><summary>Normalizations</summary>${table<Norm>(
    [
      { title: 'Normalization', text: true, cell: ({ name }) => markup`<code>${name}</code>` },
      { title: 'Kind', text: true, cell: ({ kind }) => kind },
      {
        title: 'Means moved by, deviations',
        cell: ({ moved }) => formatPlain(moved),
        order: (a, b) => b.moved - a.moved,
      },
      { title: 'Deviations', cell: ({ widened }) => formatFactor(widened), order: (a, b) => b.widened - a.widened },
    ],
    norms,
    { id: 'norm-list', caption: 'How statistics of normalizations differ in the new domain' },
  )}</details>`;
}
