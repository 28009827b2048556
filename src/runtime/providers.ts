import { execFile } from 'node:child_process';
import { existsSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';
import { UserError } from '../errors.js';
import type { Provider } from './protocol.js';
import { listBackends } from './session.js';

/** Where a user wants models to run. */
export type Device = Provider | 'auto';

/** What was found out about a provider on this machine. */
export interface ProviderState {
  provider: Provider;
  /** True where its files are there. */
  installed: boolean;
  /** True where it ran a trivial model and computed the right values. */
  works: boolean;
  /** Why it does not work, and what can be done about it. */
  reason?: string | undefined;
  mend?: string | undefined;
}

/** The provider that models will run on, and why it is that one. */
export interface ResolvedDevice {
  provider: Provider;
  why: string;
}

const CUDA_FILES = ['libonnxruntime_providers_cuda.so', 'libonnxruntime_providers_shared.so'];

/** Causes that providers' messages give away, with their mends. */
const CAUSES: readonly {
  provider: Provider;
  pattern: RegExp;
  reason(match: RegExpMatchArray): string;
  mend: string;
}[] = [
  {
    provider: 'cuda',
    pattern: /(lib(?:cu|nv)[\w.-]+\.so[.\d]*): cannot open shared object/,
    reason: (match) => `it lacks the library ${match[1]}`,
    mend: 'install CUDA 12 and cuDNN 9 and put their folders into LD_LIBRARY_PATH',
  },
  {
    provider: 'cuda',
    pattern: /no CUDA-capable device|driver version is insufficient|CUDA failure \d+/i,
    reason: (match) => match[0],
    mend: 'check with nvidia-smi that a GPU is there and its driver supports CUDA 12',
  },
  {
    provider: 'webgpu',
    pattern: /Couldn't load Vulkan/,
    reason: () => 'the Vulkan loader is not installed',
    mend: 'install libvulkan1 and the Vulkan driver of the GPU',
  },
  {
    provider: 'webgpu',
    pattern: /No supported adapters|Failed to get a WebGPU adapter/i,
    reason: () => 'it finds no graphics adapter that it can use',
    mend: 'install or update the driver of the GPU',
  },
];

/** Looks whether a provider's files are there and whether it runs a trivial model, in a process of its own. */
export async function checkProvider(provider: Provider): Promise<ProviderState> {
  const absent = await whyAbsent(provider);
  if (absent) return { provider, installed: false, works: false, ...absent };
  const { error, log } = await probe(provider);
  if (error === undefined) return { provider, installed: true, works: true };
  const text = `${log}\n${error}`;
  for (const cause of CAUSES) {
    const match = cause.provider === provider && text.match(cause.pattern);
    if (match) return { provider, installed: true, works: false, reason: cause.reason(match), mend: cause.mend };
  }
  return { provider, installed: true, works: false, reason: error, mend: 'install onnxruntime-node again' };
}

/**
 * The provider for a device, checked before any model is loaded: a provider is never replaced by another. `auto` takes
 * CUDA where it works and the CPU elsewhere; WebGPU only runs when it is asked for.
 * @throws UserError where the provider is missing or does not work, with the mend.
 */
export async function resolveDevice(device: Device): Promise<ResolvedDevice> {
  if (device === 'cpu') return { provider: 'cpu', why: 'asked for' };
  const state = await checkProvider(device === 'auto' ? 'cuda' : device);
  if (device === 'auto')
    return state.works
      ? { provider: 'cuda', why: 'the CUDA provider works' }
      : { provider: 'cpu', why: `no CUDA: ${state.reason}` };
  if (state.works) return { provider: device, why: 'asked for' };
  throw new UserError(`the ${device} provider ${state.installed ? 'does not work' : 'is missing'}: ${state.reason}`, {
    file: `--device ${device}`,
    mend: [state.mend, 'or use --device cpu'].filter(Boolean).join(', '),
  });
}

/** The folder of ONNX Runtime's native libraries for this platform. */
export function runtimeFolder(): string {
  const manifest = createRequire(import.meta.url).resolve('onnxruntime-node/package.json');
  return join(dirname(manifest), 'bin', 'napi-v6', process.platform, process.arch);
}

/**
 * The program of onnxruntime-node that fetches the CUDA libraries, as one would type it. It is run by hand, since
 * `npm rebuild` passes over it, without a word, from npm 11 on where package.json says `"allowScripts": false`.
 */
export function installScript(): string {
  const manifest = createRequire(import.meta.url).resolve('onnxruntime-node/package.json');
  const path = join(dirname(manifest), 'script', 'install.js');
  const short = relative(process.cwd(), path);
  return short.startsWith('..') ? path : short;
}

async function whyAbsent(provider: Provider): Promise<{ reason: string; mend?: string } | undefined> {
  const listed = await listBackends();
  if (!listed.some(({ name }) => name === provider))
    return { reason: `onnxruntime-node has none for ${process.platform} ${process.arch}` };
  if (provider !== 'cuda') return undefined;
  const missing = CUDA_FILES.filter((file) => !existsSync(join(runtimeFolder(), file)));
  if (!missing.length) return undefined;
  return {
    reason: 'its libraries are missing',
    mend: `get them (from NuGet) with ONNXRUNTIME_NODE_INSTALL=cuda12 node ${installScript()}`,
  };
}

const PROBE_LIMIT_MS = 120_000;

function probe(provider: Provider): Promise<{ error?: string; log: string }> {
  const program = fileURLToPath(new URL('./probe.js', import.meta.url));
  return new Promise((resolve) => {
    execFile(process.execPath, [program, provider], { timeout: PROBE_LIMIT_MS }, (failure, stdout, stderr) => {
      try {
        resolve({ ...(JSON.parse(stdout) as { error?: string }), log: stderr });
      } catch {
        const end = failure?.signal ? `by ${failure.signal}` : `with code ${failure?.code}`;
        resolve({ error: `a trivial model ended the process ${end}`, log: stderr });
      }
    });
  });
}
