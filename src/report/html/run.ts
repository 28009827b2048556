import { formatBytes, formatFixed } from '../format.js';
import { type Markup, markup } from '../markup.js';
import type { Report } from '../schema.js';
import { counted, runText } from '../summary.js';

type Fact = [name: string, value: string];

/** All that is needed to repeat the run. */
export function runSection(report: Report): Markup {
  const { tool, machine, options, calibration, quantization, startedAt, peakMemoryBytes, data, models } = report;
  const facts: Fact[] = [
    ['Command', runText(report)],
    ['Started', startedAt],
    ...models.map(({ role, path }): Fact => [`Model, ${role}`, path]),
    ...(data ? ([['Data', `${data.path}: ${formatFixed(data.samples)} samples, ${data.task}`]] as Fact[]) : []),
    ...(calibration
      ? ([
          ['Calibration', `${formatFixed(calibration.samples)} samples of ${calibration.path}, ${calibration.method}`],
        ] as Fact[])
      : []),
    ...(quantization ? ([['Method', quantization.method]] as Fact[]) : []),
    [
      'Machine',
      `${machine.cpu}, ${counted(machine.cores, 'core')}, ${counted(machine.threads, 'thread')}, ${machine.provider}`,
    ],
    ['Instruction sets', machine.isa.join(', ') || '–'],
    ['Peak memory', formatBytes(peakMemoryBytes)],
    ['Versions', `${tool.name} ${tool.version}, ONNX Runtime ${tool.onnxruntime}, Node ${tool.node}`],
  ];
  return markup`<section id="run"><h2>How it was run</h2>
<dl class="run">${facts.map(([name, value]) => markup`<dt>${name}</dt><dd>${value}</dd>`)}</dl>
<details><summary>Options</summary><pre>${JSON.stringify(options, undefined, 2)}</pre></details>
${quantization?.settings && markup`<details><summary>Settings of quantization</summary><pre>${JSON.stringify(quantization.settings, undefined, 2)}</pre></details>`}
</section>`;
}
