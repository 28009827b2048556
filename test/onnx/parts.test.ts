import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { beforeEach, describe, expect, it, onTestFinished } from 'vitest';
import { isManifest, manifestOf, readManifest } from '../../src/onnx/parts.js';
import { readModel } from '../../src/onnx/read.js';
import { writeModel } from '../../src/onnx/write.js';
import { graphOf } from '../ops/gradients/check-gradient.js';

let folder = '';
let path = '';

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'nncompress-parts-'));
  path = join(folder, 'manifest.json');
  onTestFinished(() => rmSync(folder, { recursive: true }));
});

const part = (file: string, inputs: string[], outputs: string[]) => ({
  ...{ file, inputs, outputs },
  ...{ nodes: 1, parameters: 0, bytes: 100, macs: 0, received: 0 },
});

async function writeParts(second = 'part-2.onnx'): Promise<void> {
  await writeModel(graphOf('f (float[2] x) => (float[2] a) { a = Neg(x) }'), join(folder, 'part-1.onnx'));
  await writeModel(graphOf('f (float[2] a) => (float[2] y) { y = Exp(a) }'), join(folder, 'part-2.onnx'));
  const parts = [part('part-1.onnx', ['x'], ['a']), part(second, ['a'], ['y'])];
  writeFileSync(
    path,
    JSON.stringify(manifestOf({ source: 'm.onnx', inputs: ['x'], outputs: ['y'], parts, shared: [] })),
  );
}

describe('a manifest', () => {
  it('is read as the model that its parts make up', async () => {
    await writeParts();
    expect(isManifest(path)).toBe(true);
    const { graph } = readModel(path);
    expect(graph.nodes.map(({ type }) => type)).toEqual(['Neg', 'Exp']);
    expect([graph.inputs, graph.outputs].map((infos) => infos.map(({ name }) => name))).toEqual([['x'], ['y']]);
  });

  it('is no other file of its name', () => {
    writeFileSync(path, '{"name": "an app"}');
    expect(isManifest(path)).toBe(false);
    rmSync(path);
    mkdirSync(path);
    expect(isManifest(path)).toBe(false);
  });

  it('names no files outside its folder', async () => {
    await writeParts('../part-2.onnx');
    expect(() => readManifest(path)).toThrow("external data '../part-2.onnx' leaves the model's folder");
  });

  it('that is damaged is refused with its place', () => {
    writeFileSync(path, '{"format": "nncompress-parts", "version": 1, "source": 5}');
    expect(() => readManifest(path)).toThrow(/manifest\.json: source: is no manifest of a split model/);
    writeFileSync(path, '{"format": "nncompress-parts"');
    expect(() => readManifest(path)).toThrow(/manifest\.json: is no JSON; split the model again/);
  });
});
