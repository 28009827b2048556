import { type Content, type Markup, markup } from '../markup.js';

/** A column of a table. */
export interface Column<Row> {
  title: string;
  /** Heading that neighbouring columns share. */
  group?: string | undefined;
  /** What stands in a cell. */
  cell(row: Row): Content;
  /** Text columns stand on the left, numbers on the right. */
  text?: true;
  /** How rows are ordered when the reader asks for it by this column. */
  order?: ((a: Row, b: Row) => number) | undefined;
  /** Class of a cell, for its colour. */
  tone?: ((row: Row) => string | undefined) | undefined;
}

/** Rows from which a browser should not lay out a part before it is scrolled to. */
const LONG = 300;

/** The class of a section with a table of so many rows, as an attribute. */
export function lengthClass(rows: number): Content {
  return rows > LONG && markup` class="long"`;
}

/** What a table is and how it starts. */
export interface TableOptions {
  /** Unlike any other on the page: letters and hyphens. */
  id: string;
  caption: string;
  /** Column that rows are ordered by at first: its title, after its group and a comma where it has one. */
  sortedBy?: string | undefined;
}

/**
 * A table. Columns with an order can be chosen to sort by, without script: every row carries its place in each order,
 * and the style sheet applies the one whose radio button is checked.
 */
export function table<Row>(columns: readonly Column<Row>[], rows: readonly Row[], options: TableOptions): Markup {
  const { id, caption, sortedBy } = options;
  const sortable = rows.length > 2 && columns.some(({ order }) => order);
  const orders = sortable ? columns.map(({ order }) => order && ranks(rows, order)) : [];
  const heads = columns.map(({ title, text, group }, index) => {
    const place = !text && markup` class="number"`;
    if (!orders[index]) return markup`<th scope="col"${place}>${title}</th>`;
    const name = group ? `${group}, ${title}` : title;
    const checked = name === sortedBy && markup` checked`;
    const radio = markup`<input type="radio" name="${id}-order" class="by-${index}"${checked} aria-label="sort by ${name}">`;
    return markup`<th scope="col"${place}><label>${radio}<span>${title}</span></label></th>`;
  });
  const body = rows.map((row, at) => {
    const places = orders.flatMap((order, index) => (order ? [`--by-${index}:${order[at]}`] : []));
    const style = places.length > 0 && markup` style="${places.join(';')}"`;
    return markup`<tr${style}>${columns.map((column) => cellOf(column, row))}</tr>\n`;
  });
  return markup`<div class="scroll"><table id="${id}"${sortable && markup` class="sortable" style="--more:${columns.length - 1}"`}>
<caption>${caption}</caption>
<thead>${groupRow(columns)}<tr>${heads}</tr></thead>
<tbody>
${body}</tbody></table></div>`;
}

/** Rules that apply the order whose radio button is checked, for tables of up to `columns` columns. */
export function sortingRules(columns = 12): string {
  return Array.from(
    { length: columns },
    (_, index) => `.sortable:has(.by-${index}:checked) tbody tr { order: var(--by-${index}); }`,
  ).join('\n');
}

/** The row of headings that columns share; nothing where none does. */
function groupRow<Row>(columns: readonly Column<Row>[]): Content {
  if (!columns.some(({ group }) => group)) return undefined;
  const spans: { group: string; width: number }[] = [];
  for (const { group = '' } of columns) {
    const last = spans.at(-1);
    if (last?.group === group) last.width++;
    else spans.push({ group, width: 1 });
  }
  return markup`<tr>${spans.map(({ group, width }) => {
    const span = markup` colspan="${width}" style="--span:${width}"`;
    return group ? markup`<th scope="colgroup" class="group"${span}>${group}</th>` : markup`<td${span}></td>`;
  })}</tr>`;
}

function cellOf<Row>({ cell, text, tone }: Column<Row>, row: Row): Markup {
  const names = [text ? '' : 'number', tone?.(row) ?? ''].filter(Boolean).join(' ');
  return markup`<td${names && markup` class="${names}"`}>${cell(row)}</td>`;
}

/** The place of each row in an order. */
function ranks<Row>(rows: readonly Row[], order: (a: Row, b: Row) => number): number[] {
  const sorted = [...rows.keys()].sort((a, b) => order(rows[a]!, rows[b]!));
  const places = new Array<number>(rows.length);
  for (const [place, row] of sorted.entries()) places[row] = place;
  return places;
}
