import { type Content, markup } from '../markup.js';
import type { Report } from '../schema.js';
import { modelPaths } from '../summary.js';
import { classesSection } from './classes.js';
import { confusionSection } from './confusion.js';
import { domainSection } from './domain.js';
import { adaptiveSection } from './exits.js';
import { latencySection } from './latency.js';
import { layersSection } from './layers.js';
import { nodesSection } from './nodes.js';
import { cardsOf, gatesSection, headerOf, modelsSection, warningsSection } from './overview.js';
import { pruningSection } from './pruning.js';
import { runSection } from './run.js';
import { samplesSection } from './samples.js';
import { searchSection } from './search.js';
import { sensitivitySection } from './sensitivity.js';
import { sizeSection } from './size.js';
import { studentsSection } from './students.js';
import { STYLE } from './style.js';
import { distillationSection, trainingSection } from './training.js';

/** The parts of the page in their order, and what they are called in the list at its top. */
const SECTIONS: readonly (readonly [id: string, name: string, section: (report: Report) => Content])[] = [
  ['warnings', 'Warnings', warningsSection],
  ['gates', 'Gates', gatesSection],
  ['models', 'Models', modelsSection],
  ['samples', 'Changed samples', samplesSection],
  ['classes', 'Classes', classesSection],
  ['confusion', 'Confusion', confusionSection],
  ['size', 'Operators', sizeSection],
  ['latency', 'Latency', latencySection],
  ['nodes', 'Nodes', nodesSection],
  ['layers', 'Inner values', layersSection],
  ['search', 'Search', searchSection],
  ['students', 'Students', studentsSection],
  ['training', 'Training', trainingSection],
  ['distillation', 'Distillation', distillationSection],
  ['pruning', 'Pruning', pruningSection],
  ['sensitivity', 'Sensitivity', sensitivitySection],
  ['adaptive', 'Exits', adaptiveSection],
  ['domain', 'New domain', domainSection],
  ['run', 'Run', runSection],
];

/** Forbids whatever could leave the page or run in it, should a name ever slip through unescaped. */
const POLICY = "default-src 'none'; style-src 'unsafe-inline'; img-src data:; base-uri 'none'; form-action 'none'";

/** A report as one page of HTML that needs nothing else: no script, no address outside it. */
export function renderHtml(report: Report): string {
  const shown = SECTIONS.flatMap(([id, name, section]) => {
    const content = section(report);
    return content ? [{ id, name, content }] : [];
  });
  const title = ['nncompress', report.command, modelPaths(report).at(-1)].filter(Boolean).join(' ');
  return `${markup`<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="${POLICY}">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<meta name="generator" content="nncompress ${report.tool.version}">
<link rel="icon" href="data:,">
<title>${title}</title>
<style>
${STYLE}
</style>
</head>
<body>
<main>
${headerOf(report)}
${cardsOf(report)}
<nav aria-label="Parts">${shown.map(({ id, name }) => markup`<a href="#${id}">${name}</a>`)}</nav>
${shown.map(({ content }) => content)}
</main>
</body>
</html>
`}`;
}
