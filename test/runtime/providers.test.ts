import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { UserError } from '../../src/errors.js';
import { checkProvider, resolveDevice, runtimeFolder } from '../../src/runtime/providers.js';

const hasCuda = existsSync(join(runtimeFolder(), 'libonnxruntime_providers_cuda.so'));

describe('resolveDevice', () => {
  it('takes the CPU where it is asked for', async () => {
    expect(await resolveDevice('cpu')).toEqual({ provider: 'cpu', why: 'asked for' });
  });
  it.skipIf(hasCuda)('names the mend where CUDA is missing, and takes nothing else', async () => {
    await expect(resolveDevice('cuda')).rejects.toThrow(UserError);
    await expect(resolveDevice('cuda')).rejects.toThrow(
      /--device cuda: the cuda provider is missing: .*; .*--device cpu/,
    );
  });
  it.skipIf(hasCuda)('says why auto takes the CPU', async () => {
    expect(await resolveDevice('auto')).toMatchObject({ provider: 'cpu', why: expect.stringMatching(/^no CUDA: /) });
  });
});

it('runs a trivial model to see whether a provider works', async () => {
  expect(await checkProvider('cpu')).toEqual({ provider: 'cpu', installed: true, works: true });
  const webgpu = await checkProvider('webgpu');
  if (!webgpu.works) expect(webgpu.reason).toMatch(/\w/);
});
