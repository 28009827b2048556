import { formatBytes, formatDuration, formatFixed, formatPercent, formatPlain, optional } from './format.js';
import { cutNote, type Details, MOST_ROWS, markdownTable, markdownText } from './markdown-text.js';
import type { Report } from './schema.js';
import { entryOf } from './summary.js';

/** Ways of learning from a teacher that were tried on parts of the data. */
export function wayDetails({ distillation }: Report): ReturnType<Details> {
  const trials = distillation?.trials ?? [];
  if (!trials.length) return undefined;
  return {
    title: 'Ways to learn that were tried',
    body: markdownTable(
      ['Way', 'Samples', 'Accuracy on others', ''],
      trials.map(({ recipe, samples, accuracy, chosen }) => [
        markdownText(recipe),
        samples ? formatFixed(samples) : '',
        optional(accuracy, formatPercent),
        chosen ? 'taken' : '',
      ]),
      [0, 3],
    ),
  };
}

/** Students that were tried on a part of the data. */
export function studentDetails({ distillation }: Report): ReturnType<Details> {
  const candidates = distillation?.candidates ?? [];
  if (!candidates.length) return undefined;
  return {
    title: 'Students that were tried',
    body: markdownTable(
      ['Student', 'Parameters', 'MACs', 'Size', 'Latency', 'Samples', 'Accuracy on others', ''],
      candidates.map((one) => [
        markdownText(one.template),
        optional(one.parameters, formatFixed),
        optional(one.macs, formatFixed),
        optional(one.bytes, formatBytes),
        optional(one.latencyMs, formatDuration),
        optional(one.samples, formatFixed),
        optional(one.accuracy, formatPercent),
        one.chosen ? 'taken' : markdownText(one.reason ?? ''),
      ]),
      [0, 7],
    ),
  };
}

/** How training went, epoch by epoch. */
export function historyDetails({ training }: Report): ReturnType<Details> {
  const history = training?.history ?? [];
  const keys = [...new Set(history.flatMap((entry) => Object.keys(entry)))];
  if (!keys.length) return undefined;
  return {
    title: `Training by epoch${cutNote(history.length, 'the last')}`,
    body: markdownTable(
      keys.map((key) => markdownText(key)),
      history.slice(-MOST_ROWS).map((entry) => keys.map((key) => optional(entryOf(entry, key), formatPlain))),
      [],
    ),
  };
}
