import { capitalized, formatDuration, formatFixed } from '../format.js';
import { type Content, type Markup, markup } from '../markup.js';
import type { ChangedSample, Preview, Report } from '../schema.js';
import { baseRole } from '../summary.js';
import { table } from './table.js';

const CHANGES: Readonly<Record<ChangedSample['change'], string>> = {
  lost: 'now wrong',
  gained: 'now right',
  other: 'still wrong',
};

/** Samples that are shown as cards; more follow in a table. */
const MOST_CARDS = 20;

/** Samples whose prediction changed, each with a preview of what the models saw. */
export function samplesSection(report: Report): Content {
  const { changedSamples = [], comparison } = report;
  const base = baseRole(report);
  if (!changedSamples.length) return undefined;
  const { changed } = comparison ?? {};
  const all = changed && `${formatFixed(changed.lost)} became wrong, ${formatFixed(changed.gained)} became right; `;
  return markup`<section id="samples"><h2>Samples that changed</h2>
<p class="hint">${all}${formatFixed(changedSamples.length)} listed.</p>
<ul class="samples">${changedSamples.slice(0, MOST_CARDS).map((sample) => sampleCard(sample, base))}</ul>
${changedSamples.length > MOST_CARDS && moreSamples(changedSamples.slice(MOST_CARDS), base)}
</section>`;
}

function sampleCard(sample: ChangedSample, base: string): Markup {
  const { place, index, target, before, after, change, preview } = sample;
  return markup`<li class="${change}">
<div class="preview">${preview && previewOf(preview, place)}</div>
<p><span class="badge ${change}">${CHANGES[change]}</span></p>
<dl><dt>class</dt><dd>${names(target)}</dd><dt>${base}</dt><dd>${names(before)}</dd><dt>compressed</dt><dd>${names(after)}</dd></dl>
<p class="place" title="sample ${index}">${place}</p>
</li>\n`;
}

function moreSamples(samples: readonly ChangedSample[], base: string): Markup {
  return markup`<details><summary>${formatFixed(samples.length)} more</summary>
${table<ChangedSample>(
  [
    { title: 'Sample', text: true, cell: ({ place }) => place },
    { title: 'Class', text: true, cell: ({ target }) => names(target) },
    { title: capitalized(base), text: true, cell: ({ before }) => names(before) },
    { title: 'Compressed', text: true, cell: ({ after }) => names(after) },
    { title: '', text: true, cell: ({ change }) => markup`<span class="badge ${change}">${CHANGES[change]}</span>` },
  ],
  samples,
  { id: 'more-samples', caption: 'More samples that changed' },
)}</details>`;
}

function names(classes: readonly string[]): string {
  return classes.join(', ') || '–';
}

function previewOf(preview: Preview, place: string): Markup {
  switch (preview.kind) {
    case 'image': {
      const { uri, width, height } = preview;
      return picture({ uri, width, height }, `the image ${place}`, width < 64 && 'small');
    }
    case 'text':
      return markup`<blockquote>${preview.text}${preview.pair !== undefined && markup`<hr>${preview.pair}`}</blockquote>`;
    case 'audio': {
      const length = formatDuration(1000 * preview.seconds);
      return markup`<svg viewBox="0 0 200 40" preserveAspectRatio="none" role="img" aria-label="waveform of ${place}, ${length}"><path d="${preview.path}"/></svg>${preview.spectrogram && picture(preview.spectrogram, `spectrogram of ${place}`, 'wide')}<small>${length}</small>`;
    }
    case 'arrays':
      return markup`${preview.arrays.map(
        ({ name, image, shape }) =>
          markup`${picture(image, `values of ${name} of ${place}`, 'wide')}<small>${name}, ${shape}</small>`,
      )}`;
  }
}

type Picture = NonNullable<Extract<Preview, { kind: 'audio' }>['spectrogram']>;

function picture({ uri, width, height }: Picture, alt: string, look: string | false): Markup {
  return markup`<img src="${uri}" width="${width}" height="${height}" alt="${alt}"${look && markup` class="${look}"`}>`;
}
