import { cpSync, mkdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { env, pipeline } from '@huggingface/transformers';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { readTable } from '../../src/data/manifest.js';
import { reportSchema } from '../../src/report/schema.js';
import { nncompress, root, scratch, TEXTS } from './program.js';

/*
 * transformers.js has two runtimes: onnxruntime-node, which is ours too, and onnxruntime-web, 140 MB for browsers, which
 * Node never loads. package.json puts a small package in its place.
 */

/** The text classifier as the Hugging Face hub would have it; transformers.js chooses its code by the model type. */
function hubFolder(): string {
  const folder = join(scratch(), 'banking');
  cpSync(dirname(TEXTS[0]), folder, { recursive: true, filter: (path) => !path.endsWith('.onnx') });
  mkdirSync(join(folder, 'onnx'));
  cpSync(TEXTS[0], join(folder, 'onnx', 'model.onnx'));
  const config = JSON.parse(readFileSync(join(folder, 'config.json'), 'utf8'));
  writeFileSync(join(folder, 'config.json'), JSON.stringify({ ...config, model_type: 'bert' }));
  return folder;
}

/** The data types that transformers.js knows, the method that makes each, and the file that it loads for it. */
const WRITTEN = [
  ['q8', 'dynamic', 'model_quantized.onnx'],
  ['fp16', 'fp16', 'model_fp16.onnx'],
  ['q4', 'int4-weights', 'model_q4.onnx'],
] as const;
const LIMIT = 200;

describe('transformers.js', () => {
  const fetched = vi.fn();
  beforeAll(() => {
    vi.stubGlobal('fetch', fetched);
    env.allowRemoteModels = false;
  });
  afterAll(() => {
    vi.unstubAllGlobals();
  });

  it.each(WRITTEN)('runs the %s model that %s writes, with the accuracy of the report', async (dtype, method, name) => {
    const folder = hubFolder();
    const args = ['--data', TEXTS[1], '--limit', String(LIMIT), '--no-benchmark', '--json', '--quiet'];
    const { stdout, stderr } = nncompress('quantize', folder, '--method', method, ...args);
    expect(stderr).toBe('');
    const { accuracy } = reportSchema.parse(JSON.parse(stdout)).models[1]!.metrics!;
    expect(statSync(join(folder, 'onnx', name)).size).toBeLessThan(statSync(TEXTS[0]).size);

    env.localModelPath = dirname(folder);
    const classify = await pipeline('text-classification', 'banking', { dtype });
    const rows = (await readTable(join(root, TEXTS[1]))).rows.slice(0, LIMIT);
    let right = 0;
    for (const { text, category } of rows) {
      const [best] = (await classify(String(text))) as { label: string }[];
      if (best?.label === category) right++;
    }
    await classify.dispose();
    expect(right / rows.length).toBeCloseTo(accuracy as number, 12);
    expect(fetched).not.toHaveBeenCalled();
  });
});
