import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { exampleInputs } from '../../src/analysis/example-inputs.js';
import type { NamedValues } from '../../src/ir/types.js';
import { readModel } from '../../src/onnx/read.js';
import type { Provider } from '../../src/runtime/protocol.js';
import { Session } from '../../src/runtime/session.js';
import { FEATURES, IMAGES, nncompress, readReport, root, SPEECH, scratch, TEXTS } from '../end-to-end/program.js';

const KINDS = [
  ['images', ...IMAGES],
  ['waveforms', ...SPEECH],
  ['log-mel features', ...FEATURES],
  ['texts', ...TEXTS],
] as const;

/** CUDA multiplies float32 with 10-bit mantissas (TF32) where it can, float16 has as many. */
const LEAST_SQNR_DB = 40;

async function outputsOn(provider: Provider, path: string, feeds: NamedValues): Promise<NamedValues> {
  const session = await Session.create(path, { provider });
  try {
    return await session.run(feeds);
  } finally {
    await session.release();
  }
}

/** Signal of `expected` over its difference to `found`, in dB, for the outputs together. */
function sqnrDb(found: NamedValues, expected: NamedValues): number {
  let [signal, noise] = [0, 0];
  for (const [name, value] of Object.entries(expected))
    for (const [i, v] of Array.from(value.data as Float32Array).entries()) {
      signal += v ** 2;
      noise += (v - Number(found[name]!.data[i])) ** 2;
    }
  return noise > 0 ? 10 * Math.log10(signal / noise) : Number.POSITIVE_INFINITY;
}

async function agreesWithCpu(path: string, original: string): Promise<void> {
  const feeds = exampleInputs(readModel(original));
  const found = await outputsOn('cuda', path, feeds);
  expect(sqnrDb(found, await outputsOn('cpu', original, feeds))).toBeGreaterThan(LEAST_SQNR_DB);
}

/** Runs a command on CUDA and gives its report. */
function onCuda(command: string, model: string, data: string, ...args: string[]) {
  const report = join(scratch(), 'report.json');
  const common = ['--data', data, '--limit', '250', '--device', 'cuda', '--report', report];
  const { status, stderr } = nncompress(command, model, ...common, ...args);
  expect(status, stderr).toBe(0);
  const found = readReport(report);
  expect(found.models.map(({ provider }) => provider)).toEqual(found.models.map(() => 'cuda'));
  return found;
}

describe.each(KINDS)('the model for %s on CUDA', (_, model, data) => {
  const path = join(root, model);

  it('gives the outputs of the CPU', () => agreesWithCpu(path, path));

  it('has the accuracy that it has on the CPU', () => {
    const report = join(scratch(), 'report.json');
    nncompress('evaluate', model, '--data', data, '--limit', '250', '--no-benchmark', '--report', report);
    const onCpu = readReport(report).models[0]!.metrics!.accuracy;
    const { models } = onCuda('evaluate', model, data);
    expect(Math.abs(models[0]!.metrics!.accuracy - onCpu)).toBeLessThan(0.01);
  });

  it('becomes a float16 model that keeps its predictions', async () => {
    const output = join(scratch(), 'half.onnx');
    const { models, quantization, comparison, nodes } = onCuda('quantize', model, data, '-o', output);
    expect(quantization!.method).toBe('fp16 for cuda');
    expect(nodes!.every(({ decision }) => decision === 'fp16')).toBe(true);
    expect(models[1]!.metrics!.agreement).toBeGreaterThan(0.98);
    expect(comparison!.sizeRatio).toBeGreaterThan(1.8);
    await agreesWithCpu(output, path);
  });

  it('becomes an int8 model, with a warning', () => {
    const output = join(scratch(), 'int8.onnx');
    const { models, warnings } = onCuda('quantize', model, data, '--method', 'static', '--no-benchmark', '-o', output);
    expect(warnings).toContainEqual(expect.stringContaining('ORT#24807'));
    expect(models[1]!.metrics!.agreement).toBeGreaterThan(0.95);
  });
});
