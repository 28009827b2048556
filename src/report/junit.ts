import { printable } from './format.js';
import { gateLine } from './gate-text.js';
import { type Content, markup } from './markup.js';
import type { Gate, Interval, ModelReport, Report } from './schema.js';
import { modelPaths } from './summary.js';

/**
 * A report as JUnit XML: a test case per gate, failures with what was measured against which limit, and the figures as
 * properties, exactly as they are in the JSON.
 */
export function renderJunit(report: Report): string {
  const { command, seconds, startedAt, gates, warnings, comparison } = report;
  const name = `nncompress ${command} ${modelPaths(report).at(-1) ?? ''}`.trimEnd();
  const counts = markup`tests="${gates.length}" failures="${gates.filter(({ passed }) => !passed).length}" errors="0"`;
  const properties = [
    ...report.models.flatMap(modelProperties),
    ...comparisonProperties(report),
    ...trainingProperties(report),
  ];
  return `${markup`<?xml version="1.0" encoding="UTF-8"?>
<testsuites name="nncompress" ${counts} time="${seconds}">
  <testsuite name="${printable(name)}" ${counts} skipped="0" time="${seconds}" timestamp="${startedAt.slice(0, 19)}">
    <properties>${properties.map(
      ([key, value]) => markup`
      <property name="${key}" value="${value}"/>`,
    )}
    </properties>${gates.map((gate) => testCase(gate, command, comparison?.confidence))}${
      warnings.length > 0 &&
      markup`
    <system-out>${warnings.map((warning) => `warning: ${printable(warning)}\n`)}</system-out>`
    }
  </testsuite>
</testsuites>
`}`;
}

function testCase(gate: Gate, command: string, confidence: number | undefined): Content {
  const line = gateLine(gate, confidence);
  const name = gate.class === undefined ? gate.name : `${gate.name} of ${printable(gate.class)}`;
  return markup`
    <testcase name="${name}" classname="nncompress.${command}" time="0">
      ${gate.passed ? markup`<system-out>${line}</system-out>` : markup`<failure type="gate" message="${line}">${line}</failure>`}
    </testcase>`;
}

type Property = readonly [name: string, value: number];

function modelProperties({ role, bytes, latency, metrics, fidelity }: ModelReport): Property[] {
  return present(`${printable(role)}.`, {
    bytes,
    medianMs: latency?.medianMs,
    accuracy: metrics?.accuracy,
    'recall.macro': metrics?.recall.macro,
    'f1.macro': metrics?.f1.macro,
    agreement: metrics?.agreement ?? fidelity?.agreement,
    sqnrDb: fidelity?.sqnrDb,
  });
}

function comparisonProperties({ comparison }: Report): Property[] {
  const { sizeRatio, speedup, accuracyDrop } = comparison ?? {};
  return [
    ...present('', { sizeRatio }),
    ...intervalProperties('speedup', speedup),
    ...intervalProperties('accuracyDrop', accuracyDrop),
  ];
}

function trainingProperties({ training, distillation }: Report): Property[] {
  const { samples, epochs, seconds, samplesPerSecond, workers, bestEpoch } = training ?? {};
  return [
    ...present('training.', { samples, epochs, seconds, samplesPerSecond, workers, bestEpoch }),
    ...intervalProperties('distillation.againstAlone.accuracyDrop', distillation?.againstAlone?.accuracyDrop),
  ];
}

function intervalProperties(name: string, interval: Interval | undefined): Property[] {
  return present(`${name}.`, { value: interval?.value, low: interval?.low, high: interval?.high });
}

function present(prefix: string, values: Readonly<Record<string, number | undefined>>): Property[] {
  return Object.entries(values).flatMap(([name, value]) => (value === undefined ? [] : [[`${prefix}${name}`, value]]));
}
