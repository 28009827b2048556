import { formatDecibels, optional } from '../format.js';
import { type Content, markup } from '../markup.js';
import type { NodeReport, Report } from '../schema.js';
import { ascending, nodeText } from '../summary.js';
import { lengthClass, table } from './table.js';

/** What was decided for each node and why, and the noise that it brings. */
export function nodesSection({ nodes = [] }: Report): Content {
  if (!nodes.length) return undefined;
  const most = Math.max(...nodes.map(({ sqnrDb }) => sqnrDb ?? 0), 1);
  return markup`<section id="nodes"${lengthClass(nodes.length)}><h2>Nodes</h2>
<p class="hint">${nodeText(nodes)}. SQNR is the signal to noise ratio that a node's treatment alone leaves: a low one harms.</p>
${table<NodeReport>(
  [
    { title: 'Node', text: true, cell: ({ name }) => markup`<code>${name}</code>`, order: byText(({ name }) => name) },
    { title: 'Operator', text: true, cell: ({ op }) => op, order: byText(({ op }) => op) },
    {
      title: 'Decision',
      text: true,
      cell: ({ decision }) => markup`<span class="badge ${decision === 'float' ? 'float' : 'done'}">${decision}</span>`,
      order: byText(({ decision }) => decision),
    },
    {
      title: 'SQNR',
      cell: ({ sqnrDb }) =>
        markup`${optional(sqnrDb, formatDecibels)}${
          sqnrDb !== undefined &&
          markup`<i class="bar after" style="--length:${(Math.max(sqnrDb, 0) / most).toFixed(4)}"></i>`
        }`,
      order: (a, b) => ascending(a.sqnrDb, b.sqnrDb),
    },
    { title: 'Reason', text: true, cell: ({ reason }) => reason },
  ],
  nodes,
  { id: 'node-list', caption: 'Decision for each node, in the order of the graph' },
)}
</section>`;
}

function byText(text: (node: NodeReport) => string): (a: NodeReport, b: NodeReport) => number {
  return (a, b) => (text(a) < text(b) ? -1 : text(a) > text(b) ? 1 : 0);
}
