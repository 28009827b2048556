import { formatPercent } from './format.js';
import type { Report } from './schema.js';
import { counted, pointsText } from './summary.js';

type Change = { before: number; after: number };

const changed = ({ before, after }: Change) => `${formatPercent(before)} → ${formatPercent(after)}`;

/**
 * What fitting another domain did, as far as predictions tell without labels, and on the old domain: `of 2,048 samples
 * 31.20 % are predicted as something else; entropy 41.20 % → 18.30 %, diversity 71.40 % → 97.90 %`.
 */
export function domainTexts({ domain }: Report): string[] {
  if (!domain) return [];
  const { unlabelled, sourceTest } = domain;
  return [
    `of ${counted(unlabelled.samples, 'sample')} ${formatPercent(unlabelled.changed)} are predicted as something else`,
    `entropy ${changed(unlabelled.entropy)}, diversity ${changed(unlabelled.diversity)}`,
    ...(sourceTest
      ? [`on the old domain ${pointsText(sourceTest.drop)} of accuracy (${changed(sourceTest.accuracy)})`]
      : []),
  ];
}

/** What the model was fitted to and by what: `statistics of 20 normalizations on 2,000 samples of new/, which count for 98.43 %`. */
export function domainFitText({ domain }: Report): string {
  if (!domain) return '';
  const { norms = [], samples, path, share, source, method } = domain;
  const folded = norms.filter(({ kind }) => kind === 'folded').length;
  const which = folded ? ` (${counted(folded, 'folded one', '')})` : '';
  const old = source ? `; the old domain is ${counted(source.samples, 'sample')} of ${source.path}` : '';
  const of = `${counted(samples, 'sample')} of ${path}`;
  const entropy = 'scale and shift of normalizations were trained on the entropy of predictions';
  if (!norms.length) return `${entropy} for ${of}`;
  const counts = share === undefined ? '' : `, which count for ${formatPercent(share)}`;
  const also = method === 'both' ? `; then ${entropy}` : '';
  return `statistics of ${counted(norms.length, 'normalization')}${which} on ${of}${counts}${old}${also}`;
}
