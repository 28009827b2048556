import { formatDuration, formatFixed } from '../format.js';
import { type Content, type Markup, markup } from '../markup.js';
import type { ChangedSample, Preview, Report } from '../schema.js';

const CHANGES: Readonly<Record<ChangedSample['change'], string>> = {
  lost: 'now wrong',
  gained: 'now right',
  other: 'still wrong',
};

/** Samples whose prediction changed, each with a preview of what the models saw. */
export function samplesSection({ changedSamples = [], comparison }: Report): Content {
  if (!changedSamples.length) return undefined;
  const { gained = 0, lost = 0 } = comparison?.changed ?? {};
  const all =
    comparison?.changed && ` of ${formatFixed(lost)} that became wrong and ${formatFixed(gained)} that became right`;
  return markup`<section id="samples"><h2>Samples that changed</h2>
<p class="hint">${formatFixed(changedSamples.length)} shown${all}.</p>
<ul class="samples">${changedSamples.map(sampleCard)}</ul>
</section>`;
}

function sampleCard(sample: ChangedSample): Markup {
  const { place, index, target, before, after, change, preview } = sample;
  return markup`<li class="${change}">
<div class="preview">${preview && previewOf(preview, place)}</div>
<p><span class="badge ${change}">${CHANGES[change]}</span></p>
<dl><dt>class</dt><dd>${names(target)}</dd><dt>original</dt><dd>${names(before)}</dd><dt>compressed</dt><dd>${names(after)}</dd></dl>
<p class="place" title="sample ${index}">${place}</p>
</li>\n`;
}

function names(classes: readonly string[]): string {
  return classes.join(', ') || '–';
}

function previewOf(preview: Preview, place: string): Markup {
  switch (preview.kind) {
    case 'image': {
      const { uri, width, height } = preview;
      return markup`<img src="${uri}" width="${width}" height="${height}" alt="the image ${place}"${width < 64 && markup` class="small"`}>`;
    }
    case 'text':
      return markup`<blockquote>${preview.text}${preview.pair !== undefined && markup`<hr>${preview.pair}`}</blockquote>`;
    case 'audio': {
      const length = formatDuration(1000 * preview.seconds);
      return markup`<svg viewBox="0 0 200 40" preserveAspectRatio="none" role="img" aria-label="waveform of ${place}, ${length}"><path d="${preview.path}"/></svg><small>${length}</small>`;
    }
  }
}
