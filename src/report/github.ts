import { gateLine } from './gate-text.js';
import type { Report } from './schema.js';

/**
 * Workflow commands that make GitHub show a report's failed gates as errors, and undecided gates and warnings as
 * warnings, beside the run (https://docs.github.com/actions/reference/workflow-commands-for-github-actions).
 * @returns one line each
 */
export function annotationLines({ command, gates, warnings, comparison }: Report): string[] {
  const title = `nncompress ${command}`;
  return [
    ...gates
      .filter(({ passed, verdict }) => !passed || verdict === 'undecided')
      .map((gate) => line(gate.passed ? 'warning' : 'error', title, gateLine(gate, comparison?.confidence))),
    ...warnings.map((warning) => line('warning', title, warning)),
  ];
}

function line(level: 'error' | 'warning', title: string, message: string): string {
  return `::${level} title=${escapeProperty(title)}::${escapeData(message)}`;
}

function escapeData(text: string): string {
  return text.replace(/[%\r\n]/g, encoded);
}

function escapeProperty(text: string): string {
  return text.replace(/[%\r\n:,]/g, encoded);
}

function encoded(character: string): string {
  return `%${character.charCodeAt(0).toString(16).toUpperCase().padStart(2, '0')}`;
}
