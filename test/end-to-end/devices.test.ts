import { existsSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it, vi } from 'vitest';
import { FEATURES, IMAGES, nncompress, readReport, scratch } from './program.js';

const [model, data] = FEATURES;

describe('quantize --target', () => {
  it.each(['cuda', 'webgpu'])('converts to float16 for %s, and says what it could not show', (target) => {
    const folder = scratch();
    const [output, report] = [join(folder, 'half.onnx'), join(folder, 'report.json')];
    const args = ['--target', target, '--no-benchmark', '-o', output, '--report', report];
    expect(nncompress('quantize', model, '--data', data, ...args).status).toBe(0);

    const { models, nodes, quantization, comparison, warnings } = readReport(report);
    expect(quantization).toMatchObject({ method: `fp16 for ${target}`, integerKernels: {} });
    expect(nodes!.map(({ decision }) => decision)).toEqual(Array(10).fill('fp16'));
    expect(models[1]!.fidelity!.sqnrDb).toBeGreaterThan(45);
    expect(models[1]!.operators!.Cast).toBe(2);
    expect(comparison!.sizeRatio).toBeGreaterThan(2);
    expect(warnings).toContainEqual(expect.stringContaining('ORT#24807'));
    expect(warnings).toContainEqual(expect.stringContaining(`speed there says nothing about ${target}`));
  });

  it('cpu stores float16 and computes in float32', () => {
    const output = join(scratch(), 'half.onnx');
    const args = ['--method', 'fp16', '--no-benchmark', '--json', '-o', output];
    const { stdout } = nncompress('quantize', IMAGES[0], '--data', IMAGES[1], '--limit', '100', ...args);
    const { nodes, comparison } = JSON.parse(stdout);
    expect(nodes[0]).toMatchObject({
      decision: 'fp16-storage',
      reason: 'weights stored as float16, computed in float32: the CPU has few float16 kernels',
    });
    expect(statSync(IMAGES[0]).size / statSync(output).size).toBeGreaterThan(1.9);
    expect(comparison.sizeRatio).toBeGreaterThan(1.9);
  });

  it('cpu-portable takes 7-bit weights', () => {
    const output = join(scratch(), 'small.onnx');
    const args = ['--method', 'static', '--target', 'cpu-portable', '--no-benchmark', '--json', '-o', output];
    const { stdout } = nncompress('quantize', IMAGES[0], '--data', IMAGES[1], '--limit', '100', ...args);
    expect(JSON.parse(stdout).quantization.settings).toMatchObject({ reduceRange: true });
  });
});

/** SwiftShader, a Vulkan driver that computes on the CPU, as Debian's package chromium ships it. */
const SWIFTSHADER = '/usr/lib/chromium/vk_swiftshader_icd.json';

describe.skipIf(!existsSync(SWIFTSHADER))('--device webgpu, without a GPU (Debian: chromium, libvulkan1)', () => {
  const onSwiftShader = (...args: string[]) => {
    vi.stubEnv('VK_ICD_FILENAMES', SWIFTSHADER);
    vi.stubEnv('XDG_RUNTIME_DIR', scratch());
    const result = nncompress(...args, '--device', 'webgpu', '--no-benchmark');
    vi.unstubAllEnvs();
    return result;
  };

  it('evaluates there, and the report says so', { timeout: 300_000 }, () => {
    const report = join(scratch(), 'report.json');
    const { status, stderr } = onSwiftShader('evaluate', model, '--data', data, '--limit', '4', '--report', report);
    expect(status, stderr).toBe(0);
    const { models, machine } = readReport(report);
    expect([machine.provider, models[0]!.provider]).toEqual(['webgpu', 'webgpu']);
    expect(models[0]!.metrics!.accuracy).toBe(1);
  });

  it('says that SwiftShader has no float16 arithmetic', { timeout: 300_000 }, () => {
    const output = join(scratch(), 'half.onnx');
    const { status, stderr } = onSwiftShader('quantize', model, '--method', 'fp16', '-o', output);
    expect(status).toBe(2);
    expect(stderr).toContain('--method fp16 on webgpu: the graphics adapter has no float16 arithmetic (shader-f16)');
    expect(existsSync(output)).toBe(false);
  });
});
