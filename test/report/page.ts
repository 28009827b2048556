import { type CheerioAPI, load } from 'cheerio';
import { expect } from 'vitest';
import type { Report } from '../../src/report/schema.js';
import { expectFigures } from './figures.js';
import { pairOf, TABLES } from './table-figures.js';

/** Parses a page; anything that is no correct HTML fails. */
export function parsePage(html: string): CheerioAPI {
  const faults: string[] = [];
  const page = load(html, { onParseError: ({ code }: { code: string }) => faults.push(code) } as object);
  expect(faults).toEqual([]);
  return page;
}

/** Checks that every number in every table of a page is that of the report. @returns how many cells were checked */
export function expectTables(page: CheerioAPI, report: Report): number {
  let checked = 0;
  for (const table of page('table:not(.map)').toArray()) {
    const id = page(table).attr('id')!;
    if (id === 'pruning-steps' || id === 'more-samples') continue; // free entries, and no numbers
    expect(TABLES).toHaveProperty(id);
    for (const [row, line] of page(table).find('tbody > tr').toArray().entries()) {
      const texts = page(line)
        .children('td')
        .toArray()
        .map((cell) => page(cell).text());
      const numbers = page(line)
        .children('td.number')
        .toArray()
        .map((cell) => page(cell).text());
      const expected = TABLES[id]!(report, row, texts);
      // The column of changes is left out where no line has one.
      if (id === 'headline' && expected.at(-1)!.length === 0 && expected.length > numbers.length) expected.pop();
      expect(numbers.length, `${id}, row ${row}`).toBe(expected.length);
      for (const [column, text] of numbers.entries()) {
        expectFigures(text, expected[column]!, `${id}, row ${row}, number ${column}`);
        checked++;
      }
    }
  }
  return checked;
}

/** Checks the heat maps of a page; empty cells stand for 0. */
export function expectMaps(page: CheerioAPI, report: Report): void {
  const [before, after] = pairOf(report).map(({ metrics }) => metrics?.confusion as Matrix | undefined);
  const expected = { ...mapsOf('map', before, after) };
  for (const [label, matrix] of (before ?? []).entries())
    Object.assign(expected, mapsOf(`label-${label}`, matrix as never, after?.[label] as never));
  for (const map of page('table.map').toArray()) {
    const rows = page(map).find('tbody > tr').toArray();
    const shown = rows.map((row) =>
      page(row)
        .children('td')
        .toArray()
        .map((cell) => Number(page(cell).text().replaceAll(',', '').replace('−', '-'))),
    );
    expect(shown).toEqual(expected[page(map).attr('id')!]);
  }
}

type Matrix = number[][];

/** What the maps of one or two matrices show, by the maps' ids. */
function mapsOf(id: string, before: Matrix | undefined, after: Matrix | undefined): Record<string, Matrix | undefined> {
  const rows = Array.isArray(before?.[0]) ? before : undefined;
  return {
    [`${id}-confusion-matrix`]: rows,
    [`${id}-original`]: rows,
    [`${id}-compressed`]: after,
    [`${id}-difference`]: rows?.map((row, i) => row.map((count, j) => (after?.[i]?.[j] ?? 0) - count)),
  };
}
