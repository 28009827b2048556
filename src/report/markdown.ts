import { changeOf, classRows } from './classes.js';
import { confusedPairs, confusionOf } from './confusion.js';
import { domainTexts } from './domain.js';
import {
  formatDecibels,
  formatFactor,
  formatFixed,
  formatPercent,
  formatPlain,
  formatPoints,
  optional,
  printable,
} from './format.js';
import { gateText, verdictOf } from './gate-text.js';
import { headlineOf, keyRows } from './headline.js';
import { domainDetails } from './markdown-domain.js';
import { exitDetails } from './markdown-exits.js';
import { pruningDetails, sensitivityDetails } from './markdown-pruning.js';
import {
  codeSpan,
  cutNote,
  type Details,
  detailsBlock,
  MOST_ROWS,
  markdownTable,
  markdownText,
} from './markdown-text.js';
import { historyDetails, studentDetails, wayDetails } from './markdown-training.js';
import type { Report } from './schema.js';
import {
  adaptiveText,
  ascending,
  distillationTexts,
  factTexts,
  kernelText,
  modelPaths,
  nodeText,
  predictionText,
  pruningText,
  qatText,
  runText,
  sensitivityText,
  trainingText,
} from './summary.js';

/** Comments on GitHub hold 65,536 characters. */
const MOST_CHARACTERS = 60_000;
const MOST_WARNINGS = 20;

const DETAILS: readonly Details[] = [
  classDetails,
  confusionDetails,
  sampleDetails,
  nodeDetails,
  layerDetails,
  trialDetails,
  studentDetails,
  pruningDetails,
  sensitivityDetails,
  exitDetails,
  domainDetails,
  wayDetails,
  hintDetails,
  historyDetails,
  runDetails,
];

/** A report as Markdown, made for a comment on a pull request: what matters first, the rest folded away. */
export function renderMarkdown(report: Report): string {
  let text = [titleLine(report), keyLine(report), headlineTable(report), gateTable(report), noteLines(report)]
    .filter(Boolean)
    .join('\n\n');
  for (const details of DETAILS) {
    const found = details(report);
    const block = found && detailsBlock(found.title, found.body);
    if (block && text.length + block.length < MOST_CHARACTERS) text += `\n\n${block}`;
  }
  return `${text}\n`;
}

function titleLine(report: Report): string {
  const { passed, text } = verdictOf(report.gates);
  const paths = modelPaths(report).map((path) => codeSpan(path.split(/[\\/]/).at(-1) ?? path));
  const sign = report.gates.length === 0 ? '' : passed ? '✅ ' : '❌ ';
  return `### ${sign}nncompress ${markdownText(report.command)}: ${[paths.join(' → '), text].filter(Boolean).join(', ')}`;
}

function keyLine(report: Report): string {
  const changes = keyRows(headlineOf(report)).flatMap(({ label, change }) =>
    change
      ? [label === 'Size' || label.startsWith('Latency') ? change.text : `${label.toLowerCase()} ${change.text}`]
      : [],
  );
  return changes.map((change) => `**${change}**`).join(' · ');
}

function headlineTable(report: Report): string {
  const { models, confidence, rows } = headlineOf(report);
  const changes = rows.some(({ change }) => change);
  return markdownTable(
    ['', ...models.map(({ role }) => markdownText(role)), ...(changes ? [`change (${confidence} interval)`] : [])],
    rows.map(({ label, cells, change }) => [label, ...cells, ...(changes ? [change?.text ?? ''] : [])]),
    [0],
  );
}

function gateTable({ gates, comparison }: Report): string {
  const failed = gates.filter(({ passed }) => !passed);
  const shown = gates.length <= MOST_ROWS ? gates : [...failed, ...gates.filter(({ passed }) => passed)];
  const rest = gates.length - MOST_ROWS;
  const table = markdownTable(
    ['Gate', 'Limit', 'Measured', ''],
    shown.slice(0, MOST_ROWS).map((gate) => {
      const { name, limit, value, note } = gateText(gate, comparison?.confidence);
      return [markdownText(name), limit, value, `${gate.passed ? '✅ passed' : '❌ failed'}${note && `, ${note}`}`];
    }),
    [0, 3],
  );
  return rest > 0
    ? `${table}\n\n… and ${formatFixed(rest)} more gates; ${formatFixed(failed.length)} failed in all`
    : table;
}

function noteLines(report: Report): string {
  const facts = [
    ['Predictions', [predictionText(report)]],
    ['Pruning', [pruningText(report)]],
    ['Sensitivity', [sensitivityText(report)]],
    ['Training', [trainingText(report)]],
    ['Distillation', distillationTexts(report)],
    ['Exits', [adaptiveText(report)]],
    ['New domain', domainTexts(report)],
    ['QAT', [qatText(report)]],
  ] as const;
  const rest = report.warnings.length - MOST_WARNINGS;
  return [
    ...facts.flatMap(([title, texts]) => (texts[0] ? [`${title}: ${texts.map(markdownText).join('; ')}`] : [])),
    markdownText(factTexts(report).join(' · ')),
    ...report.warnings.slice(0, MOST_WARNINGS).map((warning) => `⚠️ ${markdownText(warning)}`),
    ...(rest > 0 ? [`⚠️ and ${formatFixed(rest)} more warnings`] : []),
  ].join('<br>\n');
}

function classDetails(report: Report): ReturnType<Details> {
  const rows = classRows(report);
  if (!rows.length) return undefined;
  const paired = rows.some(({ after }) => after);
  const worst = [...rows].sort(
    (a, b) => ascending(changeOf(a), changeOf(b)) || ascending(a.before.recall, b.before.recall),
  );
  const heads = paired ? ['Recall before', 'after', 'Change', 'F1 before', 'after'] : ['Recall', 'Precision', 'F1'];
  return {
    title: `Recall, precision and F1 by class${cutNote(rows.length, 'the worst')}`,
    body: markdownTable(
      ['Class', 'Samples', ...heads],
      worst
        .slice(0, MOST_ROWS)
        .map((row) => [
          codeSpan(row.class),
          formatFixed(row.support),
          ...(row.after
            ? [
                optional(row.before.recall, formatPercent),
                optional(row.after.recall, formatPercent),
                optional(changeOf(row), formatPoints),
                optional(row.before.f1, formatPercent),
                optional(row.after.f1, formatPercent),
              ]
            : [row.before.recall, row.before.precision, row.before.f1].map((value) => optional(value, formatPercent))),
        ]),
      [0],
    ),
  };
}

function confusionDetails(report: Report): ReturnType<Details> {
  const confusion = confusionOf(report);
  const pairs = confusion ? confusedPairs(confusion, 20) : [];
  if (!pairs.length) return undefined;
  const paired = confusion?.after !== undefined;
  return {
    title: 'Classes confused most often',
    body: markdownTable(
      ['Class', 'Taken for', ...(paired ? ['before', 'after'] : ['Samples'])],
      pairs.map(({ target, predicted, before, after }) => [
        codeSpan(target),
        codeSpan(predicted),
        formatFixed(before),
        ...(paired ? [optional(after, formatFixed)] : []),
      ]),
      [0, 1],
    ),
  };
}

function sampleDetails({ changedSamples = [] }: Report): ReturnType<Details> {
  if (!changedSamples.length) return undefined;
  const names = (classes: readonly string[]) => classes.map(codeSpan).join(', ') || '–';
  return {
    title: 'Samples whose prediction changed',
    body: markdownTable(
      ['Sample', 'Class', 'before', 'after', ''],
      changedSamples
        .slice(0, MOST_ROWS)
        .map(({ place, target, before, after, change }) => [
          codeSpan(place),
          names(target),
          names(before),
          names(after),
          change === 'other' ? '' : change,
        ]),
      [0, 1, 2, 3, 4],
    ),
  };
}

function nodeDetails(report: Report): ReturnType<Details> {
  const { nodes = [] } = report;
  if (!nodes.length) return undefined;
  const noisy = [...nodes].sort((a, b) => ascending(a.sqnrDb, b.sqnrDb));
  const kernels = kernelText(report);
  const table = markdownTable(
    ['Node', 'Operator', 'Decision', 'SQNR', 'Reason'],
    noisy
      .slice(0, MOST_ROWS)
      .map(({ name, op, decision, sqnrDb, reason }) => [
        codeSpan(name),
        codeSpan(op),
        markdownText(decision),
        optional(sqnrDb, formatDecibels),
        markdownText(reason),
      ]),
    [0, 1, 2, 4],
  );
  return {
    title: `Decision for each node${cutNote(nodes.length, 'the noisiest')}`,
    body: `${markdownText(nodeText(nodes))}${kernels && `<br>\nKernels: ${markdownText(kernels)}`}\n\n${table}`,
  };
}

function layerDetails({ layers }: Report): ReturnType<Details> {
  if (!layers?.values.length) return undefined;
  const { samples, values, start, mostAdded } = layers;
  const noisy = [...values].sort((a, b) => ascending(a.sqnrDb, b.sqnrDb));
  return {
    title: `Inner values on ${formatFixed(samples)} samples${cutNote(values.length, 'the noisiest')}`,
    body: markdownTable(
      ['Value', 'Operator', 'SQNR', ''],
      noisy
        .slice(0, MOST_ROWS)
        .map(({ name, op, sqnrDb }) => [
          codeSpan(name),
          codeSpan(op),
          sqnrDb === undefined ? 'equal' : formatDecibels(sqnrDb),
          [name === start && 'error starts here', name === mostAdded && 'adds most error'].filter(Boolean).join(', '),
        ]),
      [0, 1, 3],
    ),
  };
}

function trialDetails({ quantization }: Report): ReturnType<Details> {
  const trials = quantization?.trials ?? [];
  if (!trials.length) return undefined;
  return {
    title: 'What the search tried',
    body: markdownTable(
      ['Method', 'Speed', 'SQNR', 'Agreement', ''],
      trials.map(({ method, speedups = [], sqnrDb, agreement, chosen }) => [
        markdownText(method),
        speedups.map(formatFactor).join(', '),
        optional(sqnrDb, formatDecibels),
        optional(agreement, formatPercent),
        chosen ? 'taken' : '',
      ]),
      [0, 4],
    ),
  };
}

function hintDetails({ distillation }: Report): ReturnType<Details> {
  const hints = distillation?.hints ?? [];
  if (!hints.length) return undefined;
  return {
    title: `Inner values compared with the teacher's${cutNote(hints.length, 'the first')}`,
    body: markdownTable(
      ['Compared as', 'Student', 'Teacher', 'Weight'],
      hints
        .slice(0, MOST_ROWS)
        .map(({ kind, student, teacher, weight }) => [
          markdownText(kind),
          codeSpan(student),
          codeSpan(teacher),
          formatPlain(weight),
        ]),
      [0, 1, 2],
    ),
  };
}

function runDetails(report: Report): ReturnType<Details> {
  const { tool, machine, options, calibration } = report;
  return {
    title: 'How it was run',
    body: markdownTable(
      ['', ''],
      [
        ['Command', markdownText(runText(report))],
        ['Options', codeSpan(JSON.stringify(options).slice(0, 2000))],
        ...report.models.map(({ role, path }) => [markdownText(`Model, ${role}`), codeSpan(path)]),
        ...(calibration
          ? [
              [
                'Calibration',
                markdownText(
                  `${formatFixed(calibration.samples)} samples of ${calibration.path}, ${calibration.method}`,
                ),
              ],
            ]
          : []),
        ['Machine', markdownText(`${machine.cpu}, ${machine.cores} cores, ${machine.isa.join(' ')}`)],
        ['Versions', markdownText(`${tool.name} ${tool.version}, ONNX Runtime ${tool.onnxruntime}, Node ${tool.node}`)],
        ['Started', printable(report.startedAt)],
      ],
      [0, 1],
    ),
  };
}
