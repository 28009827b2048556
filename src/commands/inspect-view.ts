import type { ChalkInstance } from 'chalk';
import { groupBy, sumOf } from '../group.js';
import type { InspectedValue, Inspection, Opportunity } from './inspection.js';
import { type Column, formatBytes, formatCount, formatInteger, shorten, table, wrap } from './layout.js';

/** Operators that a table shows before it sums up the rest. */
const MOST_OPERATORS = 12;
const MOST_VALUES = 8;

/** The lines of an inspection for a terminal of `width` columns. */
export function renderInspection(inspection: Inspection, color: ChalkInstance, width: number): string[] {
  const columns = Math.min(width, 100);
  const sections: [title: string, lines: string[]][] = [
    ['Inputs', valueLines(inspection.inputs, columns, shapesOf(inspection))],
    ['Outputs', valueLines(inspection.outputs, columns)],
    ['Operators', operatorLines(inspection)],
    ['Largest weights', weightLines(inspection, columns)],
    ['What can be compressed', opportunityLines(inspection, columns)],
    ['What can be trained', gradientLines(inspection, columns)],
    ['What can be pruned', pruningLines(inspection, columns)],
    ['Notes', noteLines(inspection, columns)],
  ];
  return [
    color.bold(shorten(inspection.path, columns)),
    ...headLines(inspection).map((line) => `  ${line}`),
    ...sections
      .filter(([, lines]) => lines.length)
      .flatMap(([title, lines]) => ['', color.bold.cyan(title), ...lines.map((line) => `  ${line}`)]),
  ];
}

function headLines({ bytes, externalFiles, producer, irVersion, opsets, cost, leavesEarly }: Inspection): string[] {
  const { 'ai.onnx': opset, ...others } = opsets;
  const sets = Object.entries(others).map(([domain, version]) => `${domain} ${version}`);
  const external = externalFiles.length
    ? `, with ${externalFiles.length} data file${plural(externalFiles.length)}`
    : '';
  return [
    [producer || 'producer unknown', `IR ${irVersion}`, `opset ${opset ?? 'unknown'}`, ...sets].join(' · '),
    [
      `${formatBytes(bytes)}${external}`,
      `${formatInteger(cost.parameters)} parameters`,
      `${cost.unknown.length ? 'at least ' : leavesEarly ? 'at most ' : ''}${formatCount(cost.macs)} MACs`,
    ].join(' · '),
  ];
}

function shapesOf({ cost }: Inspection): (name: string) => string {
  return (name) => (cost.shapes.get(name) ?? []).join('x');
}

function valueLines(values: readonly InspectedValue[], columns: number, counted?: (name: string) => string): string[] {
  const cells = values.slice(0, MOST_VALUES).map(({ name, type, shape }) => {
    const used = counted?.(name);
    const open = used && shape !== `[${used.replaceAll('x', ', ')}]`;
    return [shorten(name, 28), type, shorten(shape, 40), open ? `counted as ${used}` : ''];
  });
  const rest = values.length - MOST_VALUES;
  const lines = table([{ title: '' }, { title: '' }, { title: '' }, { title: '' }], cells).slice(1);
  return [...lines.map((line) => shorten(line, columns - 2)), ...(rest > 0 ? [`and ${rest} more`] : [])];
}

const OPERATOR_COLUMNS: readonly Column[] = [
  { title: 'operator' },
  { title: 'nodes', align: 'right' },
  { title: 'parameters', align: 'right' },
  { title: 'weights', align: 'right' },
  { title: 'MACs', align: 'right' },
  { title: 'share', align: 'right' },
];

function operatorLines({ cost }: Inspection): string[] {
  const shown = cost.operators.slice(0, MOST_OPERATORS);
  const rest = cost.operators.slice(MOST_OPERATORS);
  const rows = shown.map(({ type, count, parameters, bytes, macs }) => [
    shorten(type, 32),
    formatInteger(count),
    parameters ? formatInteger(parameters) : '',
    bytes ? formatBytes(bytes) : '',
    macs ? formatCount(macs) : '',
    macs ? percent(macs, cost.macs) : '',
  ]);
  if (rest.length) rows.push([`${rest.length} more`, formatInteger(sumOf(rest, ({ count }) => count)), '']);
  return table(OPERATOR_COLUMNS, rows);
}

/** Integers stand under the layer that they are the weight of, since quantizers make up their names. */
function weightLines({ largest }: Inspection, columns: number): string[] {
  const rows = largest.map(({ name, type, dims, bytes, operator, node, quantized }) => [
    shorten((quantized && node) || name, columns - 48),
    type,
    dims.join('x'),
    formatBytes(bytes),
    shorten(operator ?? 'unused', 16),
  ]);
  return table([{ title: '' }, { title: '' }, { title: '' }, { title: '', align: 'right' }, { title: '' }], rows).slice(
    1,
  );
}

function opportunityLines({ opportunities, refused, quantized, cost }: Inspection, columns: number): string[] {
  const lines = opportunities.map((group) => {
    const head = `${group.family.padEnd(10)} ${percent(group.parameters, cost.parameters).padStart(6)}  `;
    return head + wrap(`${plan(group)} (${group.nodes} ${group.operators.join(', ')})`, columns, 21);
  });
  for (const { operator, parameters } of quantized)
    lines.push(`${'integer'.padEnd(10)} ${percent(parameters, cost.parameters).padStart(6)}  already: ${operator}`);
  for (const { reason, type, nodes } of refused)
    lines.push(`${'stays'.padEnd(10)}         ${wrap(`${nodes} ${type}: ${reason}`, columns, 21)}`);
  if (!lines.length) lines.push('nothing: the model has no weights of a kind that can be quantized');
  return lines;
}

/** Obstacles that are named one by one. */
const MOST_OBSTACLES = 20;

function gradientLines({ gradients, cost }: Inspection, columns: number): string[] {
  if (!gradients) return [];
  const { parameters, tensors, operators, obstacles } = gradients;
  const typesOf = (kind: (typeof operators)[number]['gradient']) =>
    operators.filter(({ gradient }) => gradient === kind).map(({ type, nodes }) => `${nodes} ${type}`);
  const list = (title: string, items: readonly string[]) =>
    items.length ? [`${title.padEnd(10)} ${wrap(items.join(', '), columns, 13)}`] : [];
  return [
    `${formatInteger(parameters)} of ${formatInteger(cost.parameters)} parameters, in ${tensors} tensor${plural(tensors)}`,
    ...list('yes', typesOf('yes')),
    ...list('ends here', typesOf('ends here')),
    ...list('no', typesOf('no')),
    ...(obstacles.length ? [] : ['every parameter can be trained as the model stands']),
    ...obstacles
      .slice(0, MOST_OBSTACLES)
      .map(({ node, type, reason }) => `- ${wrap(`${node} (${type}): ${reason}`, columns, 4)}`),
    ...(obstacles.length > MOST_OBSTACLES ? [`and ${obstacles.length - MOST_OBSTACLES} more`] : []),
  ];
}

/** Groups and layers that are listed one by one. */
const MOST_GROUPS = 40;

function pruningLines({ pruning }: Inspection, columns: number): string[] {
  if (!pruning) return [];
  const { groups, refused, layers, refusedLayers } = pruning;
  const rows = groups
    .slice(0, MOST_GROUPS)
    .map(({ name, channels, layers: makers }) => [
      shorten(name, columns - 30),
      `${formatInteger(channels)} channels`,
      makers.length > 1 ? `made by ${makers.length} layers` : '',
    ]);
  const stays = groupBy(refused, ({ op, reason }) => `${op}: ${reason}`);
  const kept = [
    ...[...stays].map(([what, nodes]) => `${nodes.length} ${what}`),
    ...refusedLayers.map(({ name, reason }) => `layer ${name}: ${reason}`),
  ];
  const list = (title: string, texts: readonly string[]) =>
    texts.map((text) => `${title.padEnd(10)} ${wrap(text, columns, 13)}`);
  return [
    ...table([{ title: '' }, { title: '', align: 'right' }, { title: '' }], rows).slice(1),
    ...(groups.length > MOST_GROUPS ? [`and ${groups.length - MOST_GROUPS} more groups`] : []),
    ...list('layers', layers.length ? [`${layers.length} can be left out: ${layers.join(', ')}`] : []),
    ...list('stays', kept.slice(0, MOST_OBSTACLES)),
    ...(kept.length > MOST_OBSTACLES ? [`and ${kept.length - MOST_OBSTACLES} more reasons`] : []),
    ...(groups.length || layers.length ? [] : ['nothing: no channels or layers can be removed']),
  ];
}

/** What to do to a group, in words. */
function plan({ treatments, reason }: Opportunity): string {
  const kernels = treatments.filter((treatment) => treatment === 'static' || treatment === 'dynamic');
  if (kernels.length)
    return `int8 kernel, ${kernels.join(' or ')}${treatments.includes('int4') ? '; int4 weights' : ''}`;
  const stored = treatments.includes('int8-storage') ? 'int8 storage' : 'smaller storage';
  return reason ? `${stored} only: ${reason}` : stored;
}

function noteLines(
  { cost, leavesEarly, customOperators, functions, loadError }: Inspection,
  columns: number,
): string[] {
  const notes: string[] = [];
  if (loadError) notes.push(`ONNX Runtime cannot load it: ${loadError.replace(/^ONNX Runtime: /, '')}`);
  if (customOperators.length) notes.push(`custom operators: ${customOperators.join(', ')}`);
  if (functions) notes.push(`${functions} function${plural(functions)} of its own`);
  if (leavesEarly)
    notes.push('MACs are those of a sample that goes through all exits; one that leaves early takes fewer');
  const byReason = groupBy(cost.unknown, ({ reason }) => reason);
  for (const [reason, nodes] of byReason) {
    const types = [...new Set(nodes.map(({ type }) => type))].join(', ');
    notes.push(`MACs of ${nodes.length} node${plural(nodes.length)} (${types}) are unknown: ${reason}`);
  }
  return notes.map((note) => `- ${wrap(note, columns, 4)}`);
}

function percent(part: number, whole: number): string {
  return whole ? `${((100 * part) / whole).toFixed(1)}%` : '';
}

function plural(count: number): string {
  return count === 1 ? '' : 's';
}
