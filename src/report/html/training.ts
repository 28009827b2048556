import { formatFixed, formatPercent, formatPlain, optional } from '../format.js';
import { type Content, type Markup, markup } from '../markup.js';
import type { Report } from '../schema.js';
import { counted, distillationTexts, qatText, trainingText } from '../summary.js';
import { curvesOf } from './curves.js';
import { table } from './table.js';

/** How training went, epoch by epoch, and what it was for. */
export function trainingSection(report: Report): Content {
  const { training, quantization } = report;
  if (!training) return undefined;
  const { bestEpoch, history } = training;
  return markup`<section id="training"><h2>Training</h2>
<p>${trainingText(report)}</p>
${quantization?.qat && qatParagraph(report, quantization.qat)}
${curvesOf(history, 'training-history', 'Training by epoch', bestEpoch)}
</section>`;
}

function qatParagraph(
  report: Report,
  { temperature, alpha, samples, labelled, ranges }: NonNullable<NonNullable<Report['quantization']>['qat']>,
): Markup {
  const text = qatText(report);
  return markup`<p>Quantization-aware: rounding was simulated, and ${counted(ranges, 'range')} of activations learnt, to give what the float model gives (temperature ${formatPlain(temperature)}, its share ${formatPlain(alpha)}; ${formatFixed(labelled)} of ${counted(samples, 'sample')} with a label). Epoch 0 is post-training quantization.</p>
${text && markup`<p>${text}</p>`}`;
}

/** What the teacher gave, and how the student learnt without it. */
export function distillationSection(report: Report): Content {
  const { distillation } = report;
  if (!distillation) return undefined;
  const { teachers, samples, labelled, alone, taught, hints, trials = [] } = distillation;
  return markup`<section id="distillation"><h2>Distillation</h2>
<p>${distillationTexts(report).join('; ')}</p>
<p class="hint">${counted(teachers, 'teacher')}, ${counted(samples, 'sample')}, ${formatFixed(labelled)} of them with a label.</p>
${trials.length > 0 && wayTable(trials)}
${taught && curvesOf(taught.history, 'taught-history', 'The student with the teacher by epoch', taught.bestEpoch)}
${
  hints &&
  table<(typeof hints)[number]>(
    [
      { title: 'Compared as', text: true, cell: ({ kind }) => kind },
      { title: 'Value of the student', text: true, cell: ({ student }) => markup`<code>${student}</code>` },
      { title: 'of the teacher', text: true, cell: ({ teacher }) => markup`<code>${teacher}</code>` },
      { title: 'Weight', cell: ({ weight }) => formatPlain(weight), order: (a, b) => a.weight - b.weight },
    ],
    hints,
    { id: 'hint-list', caption: 'Inner values that were compared' },
  )
}
${alone && curvesOf(alone.history, 'alone-history', 'The student alone by epoch', alone.bestEpoch)}
</section>`;
}

type Way = NonNullable<NonNullable<Report['distillation']>['trials']>[number];

/** Ways of learning that were tried on parts of the data. */
function wayTable(trials: readonly Way[]): Content {
  return table<Way>(
    [
      { title: 'Way to learn', text: true, cell: ({ recipe }) => recipe },
      { title: 'Samples', cell: ({ samples }) => formatFixed(samples), order: (a, b) => b.samples - a.samples },
      { title: 'Accuracy on others', cell: ({ accuracy }) => optional(accuracy, formatPercent) },
      { title: '', text: true, cell: ({ chosen }) => chosen && markup`<span class="badge passed">taken</span>` },
    ],
    trials,
    { id: 'way-list', caption: 'Ways to learn that were tried on parts of the training data' },
  );
}
