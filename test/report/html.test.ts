import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { renderHtml } from '../../src/report/html/index.js';
import type { Report } from '../../src/report/schema.js';
import { anyReport } from './arbitrary.js';
import { evaluateReport, quantizeReport, unlabelledReport } from './example.js';
import { expectFigures } from './figures.js';
import { labelsReport, largeReport } from './large-example.js';
import { expectMaps, expectTables, parsePage } from './page.js';
import { richReport } from './rich-example.js';

const pageOf = (report: Report) => parsePage(renderHtml(report));

describe('renderHtml', () => {
  it('gives one page', async () => {
    const withoutLook = renderHtml(quantizeReport).replace(/<style>.*<\/style>\n/s, '');
    await expect(withoutLook).toMatchFileSnapshot('recorded/quantize.html');
  });

  it('shows every figure of any report as it is, whatever the names', () => {
    let cells = 0;
    fc.assert(
      fc.property(anyReport, (report) => {
        const page = pageOf(report);
        cells += expectTables(page, report);
        expectMaps(page, report);
      }),
      { numRuns: 60 },
    );
    expect(cells).toBeGreaterThan(1000);
  });

  it.each([
    ['quantize', quantizeReport],
    ['evaluate', evaluateReport],
    ['no labels', unlabelledReport],
    ['all there can be', richReport],
    ['12 classes', largeReport(12, 50)],
    ['50 classes', largeReport(50, 20)],
    ['60 classes', largeReport(60, 20)],
    ['12 labels', labelsReport(12, 50)],
    ['60 labels', labelsReport(60, 20)],
  ])('shows the figures of an example: %s', (_, report) => {
    const page = pageOf(report);
    expect(expectTables(page, report)).toBeGreaterThan(8);
    expectMaps(page, report);
  });

  it('shows size, speed and accuracy in large letters', () => {
    const page = pageOf(quantizeReport);
    const figures = page('.card .figure')
      .toArray()
      .map((figure) => page(figure).text());
    expect(figures).toEqual(['3.81× smaller', '2.20× faster', '−0.07 points']);
    expectFigures(page('.card .range').last().text(), [-0.195, 0.049, 95], 'range of accuracy');
    expect(page('.card svg').attr('aria-label')).toBe('change −0.07 points, interval −0.19 to +0.05');
    expect(page('header .pill').text()).toBe('1 of 2 gates failed');
  });

  it('shows heat maps up to 50 classes, and the pairs confused most beyond', () => {
    expect(pageOf(largeReport(50, 20))('table.map')).toHaveLength(3);
    const page = pageOf(largeReport(51, 20));
    expect(page('table.map')).toHaveLength(0);
    expect(page('#confused-pairs tbody tr')).toHaveLength(100);
  });

  it('shows a heat map for each label of multi-label data, those with most errors of many', () => {
    const page = pageOf(labelsReport(12, 50));
    expect(page('table.map')).toHaveLength(36);
    expect(page('#label-0-original').closest('.label').prev('h3').text()).toBe('class 0, n00000000');
    expect(pageOf(labelsReport(60, 20))('.label')).toHaveLength(50);
  });

  it('shows spectrograms below waveforms, and arrays as heat maps', () => {
    const page = pageOf(richReport);
    expect(page('.preview svg + img.wide').attr('alt')).toBe('spectrogram of bag/20.wav');
    const array = page('.preview img.wide').last();
    expect([array.attr('alt'), array.next('small').text()]).toEqual([
      'values of a<b> of x.npz: row 3',
      'a<b>, float32 3×32',
    ]);
  });

  it('counts the samples of all epochs of training', () => {
    expect(renderHtml(richReport)).toContain(
      '3 epochs, epoch 2 the best; 50,000 samples in 31.5 s: 4,762 a second with 2 workers',
    );
  });

  it('can be sorted without script: every row carries its place in each order', () => {
    const page = pageOf(richReport);
    const orders = page('#node-list tbody tr')
      .toArray()
      .map((row) => page(row).attr('style')!);
    const places = (column: number) =>
      orders.map((style) => Number(new RegExp(`--by-${column}:(\\d+)`).exec(style)![1]));
    const all = [...richReport.nodes!.keys()];
    for (const column of [0, 1, 2, 3]) expect(places(column).sort((a, b) => a - b)).toEqual(all);
    expect(page('#node-list input[type=radio]')).toHaveLength(4);
  });

  it('holds nothing that could leave the page or run', () => {
    const hostile = '"><script>fetch("https://example.com")</script><img src=//example.com onerror=alert(1)>';
    fc.assert(
      fc.property(fc.oneof(fc.constant(richReport), anyReport), (given) => {
        const page = pageOf({ ...given, command: hostile, warnings: [hostile] });
        expect(page('script, iframe, object, embed, base, form, link:not([rel=icon])')).toHaveLength(0);
        expect(page('meta[http-equiv=Content-Security-Policy]').attr('content')).toMatch(/^default-src 'none';/);
        for (const element of page('*').toArray()) {
          const attributes = 'attribs' in element ? (element.attribs as Record<string, string>) : {};
          for (const [name, value] of Object.entries(attributes)) {
            expect(name).not.toMatch(/^on|^srcset|^action|^xlink/);
            if (name === 'href') expect(value).toMatch(/^(#[a-z]+|data:,)$/);
            if (name === 'src') expect(value).toMatch(/^data:image\//);
            if (name === 'style') expect(value).toMatch(/^(--[a-z]+(-\d+)?:[\d.]+;?)+$/);
          }
        }
        expect(page('style').text()).not.toMatch(/url\(|@import/);
      }),
      { numRuns: 60 },
    );
  });

  it('shows names as they are', () => {
    const names = ['<b>bold</b>', '&lt;', '"quoted"', '--> ]]>', 'tab\tand\nline'];
    const page = pageOf({ ...quantizeReport, nodes: names.map((name) => ({ ...quantizeReport.nodes![0]!, name })) });
    expect(
      page('#node-list code')
        .toArray()
        .map((code) => page(code).text()),
    ).toEqual(names);
  });

  it('takes less than 3 MB for 1,000 classes and 10,000 samples', () => {
    // The largest preview that there can be: three arrays of noise.
    const image = { uri: `data:image/webp;base64,${'A'.repeat(7_400)}`, width: 160, height: 64 };
    const arrays = ['a', 'b', 'c'].map((name) => ({ name, image, shape: 'float32 64×160' }));
    const [sample] = richReport.changedSamples!;
    const changedSamples = Array.from({ length: 200 }, (_, index) => ({
      ...sample!,
      index,
      preview: index < 20 ? { kind: 'arrays' as const, arrays } : undefined,
    }));
    const html = renderHtml({ ...largeReport(1000, 10, 400), changedSamples });
    expect(Buffer.byteLength(html)).toBeLessThan(3e6);
  });

  it('has a text alternative for every plot and image', () => {
    const page = pageOf(richReport);
    const plots = page('svg').toArray();
    expect(plots.length).toBeGreaterThan(5);
    for (const plot of plots) {
      expect(page(plot).attr('role')).toBe('img');
      expect(page(plot).attr('aria-label')).toBeTruthy();
    }
    for (const image of page('img').toArray()) expect(page(image).attr('alt')).toBeTruthy();
  });
});
