import { formatBytes, formatFixed, optional } from '../format.js';
import { type Content, markup } from '../markup.js';
import type { ModelReport, Report } from '../schema.js';
import { entryOf, pairOf } from '../summary.js';
import { roleClass } from './overview.js';
import { type Column, table } from './table.js';

/** How many nodes each operator has and what their constants weigh, before and after. */
export function sizeSection(report: Report): Content {
  const models = pairOf(report);
  const names = [
    ...new Set(models.flatMap(({ operators, operatorBytes }) => Object.keys({ ...operatorBytes, ...operators }))),
  ];
  if (!names.length) return undefined;
  const weight = (name: string) => Math.max(...models.map(({ operatorBytes }) => entryOf(operatorBytes, name) ?? 0));
  const number = (name: string) => Math.max(...models.map(({ operators }) => entryOf(operators, name) ?? 0));
  const rows = names.sort((a, b) => weight(b) - weight(a) || number(b) - number(a));
  return markup`<section id="size"><h2>Operators</h2>
<p class="hint">Nodes by operator, and the bytes of the constants that they compute with, also behind a cast or dequantization.</p>
${table<string>(
  [
    { title: 'Operator', text: true, cell: (name) => name, order: (a, b) => (a < b ? -1 : 1) },
    ...models.flatMap((model) => operatorColumns(model, models, Math.max(...rows.map(weight), 1))),
  ],
  rows,
  { id: 'operator-list', caption: 'Nodes and size by operator' },
)}
</section>`;
}

function operatorColumns(model: ModelReport, models: readonly ModelReport[], most: number): Column<string>[] {
  const group = models.length > 1 ? model.role : undefined;
  const { operators, operatorBytes } = model;
  const nodes: Column<string> = {
    title: 'nodes',
    group,
    cell: (name) => optional(entryOf(operators, name), formatFixed),
    order: (a, b) => (entryOf(operators, b) ?? 0) - (entryOf(operators, a) ?? 0),
  };
  if (!operatorBytes) return [nodes];
  const size: Column<string> = {
    title: 'size',
    group,
    cell: (name) => {
      const bytes = entryOf(operatorBytes, name);
      if (bytes === undefined) return '';
      const length = (bytes / most).toFixed(4);
      return markup`${formatBytes(bytes)}<i class="bar ${roleClass(model.role)}" style="--length:${length}"></i>`;
    },
    order: (a, b) => (entryOf(operatorBytes, b) ?? 0) - (entryOf(operatorBytes, a) ?? 0),
  };
  return [nodes, size];
}
