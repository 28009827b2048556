import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { type Browser, chromium, type Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { renderHtml } from '../../src/report/html/index.js';
import type { Report } from '../../src/report/schema.js';
import { labelsReport, largeReport } from './large-example.js';
import { expectMaps, expectTables, parsePage } from './page.js';
import { richReport } from './rich-example.js';

/** Where Chromium or Chrome is usually installed; BROWSER_PATH names another place. */
const BROWSERS = [
  process.env.BROWSER_PATH,
  '/usr/bin/chromium',
  '/usr/bin/chromium-browser',
  '/usr/bin/google-chrome',
  '/Applications/Google Chrome.app/Contents/MacOS/Google Chrome',
];
const executablePath = BROWSERS.find((path) => path && existsSync(path));

const big = { ...largeReport(10, 100, 60), changedSamples: richReport.changedSamples };
const REPORTS: readonly (readonly [name: string, report: Report])[] = [
  ['all there can be', richReport],
  ['10 classes', big],
  ['12 labels', labelsReport(12, 100)],
  ['1,000 classes, 10,000 samples', largeReport(1000, 10, 400)],
];

/** Skipped where no browser is found: the other tests look at the page without one. */
describe.skipIf(!executablePath)(`in a browser (${executablePath ?? 'none found; name one in BROWSER_PATH'})`, () => {
  const folder = mkdtempSync(join(tmpdir(), 'nncompress-browser-'));
  let browser: Browser;

  beforeAll(async () => {
    browser = await chromium.launch({ executablePath, args: ['--no-sandbox'] });
  });
  afterAll(async () => {
    await browser?.close();
    rmSync(folder, { recursive: true });
  });

  /** Opens a report as a file, as a reader does, and notes what it asks for and complains of. */
  async function open(report: Report, look: { width?: number; colorScheme?: 'light' | 'dark' } = {}) {
    const { width = 1200, colorScheme = 'light' } = look;
    const file = join(folder, 'report.html');
    writeFileSync(file, renderHtml(report));
    const page = await browser.newPage({ viewport: { width, height: 800 }, colorScheme });
    const complaints: string[] = [];
    const requests: string[] = [];
    page.on('console', (message) => complaints.push(message.text()));
    page.on('pageerror', (error) => complaints.push(error.message));
    page.on('request', (request) => requests.push(request.url()));
    const address = pathToFileURL(file).href;
    await page.goto(address);
    return { page, complaints, requests: requests.filter((url) => url !== address && !url.startsWith('data:')) };
  }

  it.each(REPORTS)('opens without a complaint, asks for nothing, and shows the figures: %s', async (_, report) => {
    const { page, complaints, requests } = await open(report);
    await page.locator('#run').scrollIntoViewIfNeeded();
    expect(complaints).toEqual([]);
    expect(requests).toEqual([]);
    const shown = parsePage(
      `<!doctype html>${await page.content()}`.replace(/^(<!doctype html>)+/i, '<!doctype html>'),
    );
    expect(expectTables(shown, report)).toBeGreaterThan(30);
    expectMaps(shown, report);
    await page.close();
  });

  it('lets previews load, and nothing a name holds', async () => {
    const { page } = await open(richReport);
    const image = page.locator('.preview img.small');
    expect(await image.evaluate((element: { naturalWidth: number }) => element.naturalWidth)).toBeGreaterThan(0);
    expect(await page.locator('blockquote').textContent()).toBe('</p><script>alert("1")</script> is my bag lost?');
    await page.close();
  });

  it('sorts a table by the heading that is chosen', async () => {
    const { page } = await open(big);
    await page.locator('#node-list label', { hasText: 'SQNR' }).click();
    const rows = await topsOf(page, '#node-list tbody tr', 'td:nth-child(4)');
    const values = rows.map((text) => Number.parseFloat(text)).filter((value) => !Number.isNaN(value));
    expect(values).toEqual([...values].sort((a, b) => a - b));
    expect(values).toHaveLength(big.nodes!.filter(({ sqnrDb }) => sqnrDb !== undefined).length);
    await page.close();
  });

  it.each([
    [390, 'light'],
    [390, 'dark'],
    [1200, 'dark'],
  ] as const)('fits a screen %i pixels wide, %s', async (width, colorScheme) => {
    const { page } = await open(big, { width, colorScheme });
    expect(await page.evaluate('document.documentElement.scrollWidth')).toBe(width);
    const ground = await page.evaluate<string>('getComputedStyle(document.body).backgroundColor');
    const [brightness = 0] = /\d+/.exec(ground)!.map(Number);
    expect(brightness < 128).toBe(colorScheme === 'dark');
    await page.close();
  });

  it('prints light, and whole tables', async () => {
    const { page } = await open(big, { colorScheme: 'dark' });
    await page.emulateMedia({ media: 'print' });
    expect(await page.evaluate('getComputedStyle(document.body).backgroundColor')).toBe('rgb(255, 255, 255)');
    const hidden = await page.evaluate(
      `[...document.querySelectorAll('.scroll')].filter((box) => box.scrollHeight > box.clientHeight + 1).length`,
    );
    expect(hidden).toBe(0);
    await page.close();
  });
});

/** Texts of a cell of each row, from the top of the screen down. */
async function topsOf(page: Page, rows: string, cell: string): Promise<string[]> {
  return page.evaluate(`[...document.querySelectorAll('${rows}')]
    .sort((a, b) => a.getBoundingClientRect().top - b.getBoundingClientRect().top)
    .map((row) => row.querySelector('${cell}').innerText)`);
}
