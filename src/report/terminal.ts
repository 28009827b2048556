import type { ChalkInstance } from 'chalk';
import { domainTexts } from './domain.js';
import { cutLine, shortenPath, wrapLines } from './format.js';
import { gateLine } from './gate-text.js';
import type { Gate, NodeReport, Report } from './schema.js';
import {
  adaptiveText,
  distillationTexts,
  factTexts,
  groupTexts,
  hintTexts,
  kernelText,
  listed,
  modelPaths,
  nodeText,
  predictionText,
  pruningText,
  qatText,
  runText,
  sensitivityText,
  stepTexts,
  studentsText,
  tally,
  trainingText,
} from './summary.js';
import { modelTable } from './terminal-table.js';

/** How a report is shown. */
export interface TerminalOptions {
  /** Its level decides about colours; level 0 gives plain text. */
  color: ChalkInstance;
  /** Columns of the terminal. */
  width: number;
  /** Lines that the summary should fit on, the prompt below it not counted; 23 by default. */
  height?: number | undefined;
}

/** Lines that belong together under a heading of their own; those at the end go first where room is short. */
interface Section {
  title: string;
  items: string[][];
  /** Items that always stay. */
  least: number;
  /** Says how many are left out. */
  more?(number: number): string;
}

const MOST_COLUMNS = 100;
const TITLE_COLUMNS = 13;

/**
 * A summary of a report that fits on one screen: where it does not, properties that matter less go first, then entries
 * of long lists, which are counted. Gates that failed or are undecided always stay.
 */
export function renderTerminal(report: Report, { color, width, height = 23 }: TerminalOptions): string {
  const columns = Math.min(width, MOST_COLUMNS);
  const room = columns - TITLE_COLUMNS;
  const sections = (changes: readonly string[]) => [
    { title: 'Changes', items: changes.map((change) => [cutLine(change, room)]), least: changes.length },
    textSection('Predictions', predictionText(report), room),
    textSection('Pruning', pruningText(report), room),
    { title: 'Steps', items: stepTexts(report).map((step) => [cutLine(step, room)]), least: 1 },
    textSection('Sensitivity', sensitivityText(report), room),
    groupSection(report, room),
    textSection('Training', trainingText(report), room),
    textSection('Students', studentsText(report), room),
    textSection('Distillation', distillationTexts(report).join('; '), room),
    listSection('Matched', hintTexts(report), room),
    textSection('Exits', adaptiveText(report, { detailed: true }), room),
    textSection('New domain', domainTexts(report).join('; '), room),
    textSection('QAT', qatText(report), room),
    ...nodeSections(report, room),
    gateSection(report, color, room),
    warningSection(report, color, room),
  ];
  const compose = (detailed: boolean) => {
    const { lines, changes } = modelTable(report, color, columns, detailed);
    const head = [...headLines(report, color, columns), '', ...lines, ''];
    const body = fit(sections(changes), height - head.length).flatMap(({ title, items }) =>
      items.flat().map((line, index) => `${color.cyan((index === 0 ? title : '').padEnd(TITLE_COLUMNS))}${line}`),
    );
    return [...head, ...body];
  };
  const detailed = compose(true);
  return (detailed.length <= height ? detailed : compose(false)).join('\n').trimEnd();
}

function headLines(report: Report, color: ChalkInstance, columns: number): string[] {
  const aside = runText(report);
  const paths = report.models.length ? modelPaths(report) : ['no model'];
  const room = Math.floor((columns - aside.length - 2 - 3 * (paths.length - 1)) / paths.length);
  const title = paths.map((path) => shortenPath(path, room)).join(' → ');
  const gap = ' '.repeat(Math.max(2, columns - title.length - aside.length));
  return [
    `${color.bold(title)}${color.dim(gap + aside)}`,
    ...wrapLines(factTexts(report, 30).join(' · '), columns).map((line) => color.dim(line)),
  ];
}

function textSection(title: string, text: string, room: number): Section {
  return { title, items: text ? [wrapLines(text, room)] : [], least: 1 };
}

function listSection(title: string, lines: readonly string[], room: number): Section {
  return { title, items: lines.map((line) => [cutLine(line, room)]), least: 0 };
}

/** Groups were asked for one by one: all of them are shown. */
function groupSection(report: Report, room: number): Section {
  const texts = groupTexts(report);
  return { title: 'Groups', items: texts.map((text) => wrapLines(text, room)), least: texts.length };
}

function nodeSections(report: Report, room: number): Section[] {
  const { nodes = [] } = report;
  const used = kernelText(report);
  const left = nodes.filter(({ decision }) => decision === 'float');
  return [
    { title: 'Nodes', items: nodes.length ? [wrapLines(nodeText(nodes), room)] : [], least: 1 },
    { title: 'Kernels', items: used ? [[cutLine(used, room)]] : [], least: 1 },
    {
      title: 'Left float',
      items: reasonItems(left, room),
      least: 1,
      more: (number) => `… ${number} more reasons in the report`,
    },
  ];
}

/** Reasons why nodes stayed float, the most frequent first. */
function reasonItems(nodes: readonly NodeReport[], room: number): string[][] {
  return tally(nodes.map(({ reason }) => reason)).map(([reason]) => {
    const operators = listed(tally(nodes.filter((node) => node.reason === reason).map(({ op }) => op)));
    return [cutLine(`${operators}: ${reason}`, room)];
  });
}

function gateSection({ gates, comparison }: Report, color: ChalkInstance, room: number): Section {
  const urgency = ({ passed, verdict }: Gate) => (passed ? (verdict === 'undecided' ? 1 : 0) : 2);
  return {
    title: 'Gates',
    items: [...gates]
      .sort((a, b) => urgency(b) - urgency(a))
      .map((gate) => {
        const sign = gate.passed ? color.green('✓') : color.red('✗');
        const lines = wrapLines(gateLine(gate, comparison?.confidence), room - 2);
        return lines.map((line, index) => `${index === 0 ? sign : ' '} ${line}`);
      }),
    least: gates.filter(urgency).length,
    more: (number) => `${color.green('✓')} ${number} more passed`,
  };
}

function warningSection({ warnings }: Report, color: ChalkInstance, room: number): Section {
  return {
    title: 'Warnings',
    items: warnings.map((warning) => wrapLines(warning, room).map((line) => color.yellow(line))),
    least: 1,
  };
}

const MORE = (number: number) => `… ${number} more in the report`;

/** Leaves out items until all sections fit, always of the section that takes the most lines, and counts them. */
function fit(sections: readonly Section[], height: number): Section[] {
  const shown = sections
    .filter(({ items }) => items.length)
    .map((section) => ({ ...section, items: [...section.items], hidden: 0 }));
  const rows = ({ items, hidden }: (typeof shown)[number]) => items.flat().length + Math.min(hidden, 1);
  while (shown.reduce((sum, section) => sum + rows(section), 0) > height) {
    // Leaving out a single line would save nothing: one that says so takes its place.
    const [longest] = shown
      .filter(({ items, least, hidden }) => items.slice(least).flat().length > (hidden ? 0 : 1))
      .sort((a, b) => rows(b) - rows(a));
    if (!longest) break;
    longest.items.pop();
    longest.hidden++;
  }
  return shown.map(({ hidden, ...section }) =>
    hidden ? { ...section, items: [...section.items, [(section.more ?? MORE)(hidden)]] } : section,
  );
}
