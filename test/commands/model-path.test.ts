import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { isHubLayout, resolveModelPath } from '../../src/commands/model-path.js';
import { defaultOutput } from '../../src/commands/quantize.js';
import { scratch } from '../data/scratch.js';

const file = scratch();
const touch = (...names: string[]) => {
  for (const name of names) file(name, 'x');
};

describe('resolveModelPath', () => {
  it('leaves a file, and what does not exist, as it is', () => {
    touch('alone.onnx');
    expect(resolveModelPath(file('alone.onnx', 'x'))).toMatch(/alone\.onnx$/);
    expect(resolveModelPath('no/such.onnx')).toBe('no/such.onnx');
  });
  it.each([
    { holds: ['model.onnx', 'onnx/model.onnx', 'onnx/model_fp16.onnx'], found: 'onnx/model.onnx' },
    { holds: ['model.onnx', 'other.onnx', 'onnx/encoder.onnx'], found: 'model.onnx' },
    { holds: ['net.ONNX', 'config.json', 'net.onnx_data'], found: 'net.ONNX' },
    { holds: ['config.json', 'onnx/encoder.onnx'], found: 'onnx/encoder.onnx' },
  ])('finds $found among $holds', ({ holds, found }) => {
    const root = `found-${holds.length}-${found.replace(/\W/g, '')}`;
    touch(...holds.map((name) => join(root, name)));
    expect(resolveModelPath(file(root))).toBe(join(file(root), found));
  });
  it('names the models where it cannot choose, and says where there is none', () => {
    touch('several/b.onnx', 'several/a.onnx', 'none/config.json');
    expect(() => resolveModelPath(file('several'))).toThrow(
      /several: the folder holds several models: a\.onnx, b\.onnx; name the one that is meant$/,
    );
    expect(() => resolveModelPath(file('none'))).toThrow(/none: the folder holds no \.onnx file; /);
  });
});

describe('defaultOutput', () => {
  it.each([
    ['net/model.onnx', 'static', 'net/model.int8.onnx'],
    ['net/model', 'int4-weights', 'net/model.int4.onnx'],
    ['net/model.onnx', 'fp16', 'net/model.fp16.onnx'],
    ['net/onnx/model.onnx', 'auto', 'net/onnx/model_quantized.onnx'],
    ['net/onnx/encoder_model.onnx', 'int4-weights', 'net/onnx/encoder_model_q4.onnx'],
    ['net/onnx/model.onnx', 'fp16', 'net/onnx/model_fp16.onnx'],
  ] as const)('of %s by %s is %s', (path, method, output) => {
    expect(defaultOutput(path, method)).toBe(output);
  });
  it('goes by the real folder', () => {
    expect(isHubLayout('onnx/model.onnx')).toBe(true);
    expect(isHubLayout('model.onnx')).toBe(false);
    expect(isHubLayout('onnx/../model.onnx')).toBe(false);
  });
});
