import { messageOf, UserError } from '../errors.js';
import type { HalfTarget } from '../ops/half.js';
import { hasVnni } from '../runtime/machine.js';
import type { Provider } from '../runtime/protocol.js';
import { runTrivialModel } from '../runtime/trivial-model.js';
import type { QuantizeOptions } from './quantize-options.js';

/** What the device that a model is made for means for its quantization. */
export interface TargetAdvice {
  method: QuantizeOptions['method'];
  /** Where arithmetic is in float16. */
  halfTarget?: HalfTarget;
  /** Seven-bit weights: without VNNI, pairs of 8-bit products are added in 16 bits and overflow (ORT#5849). */
  reduceRange: boolean;
  warnings: string[];
}

const NO_INTEGER_KERNELS =
  'ONNX Runtime has almost no integer kernels there (ORT#24807): int8 only serves to check accuracy';

/**
 * `adviseTarget`, with float16 arithmetic tried where models will run at once: not every graphics adapter has it. `auto`
 * then only stores weights as float16, and says so.
 * @throws UserError where float16 was asked for and is not there
 */
export async function resolveTarget(
  options: Pick<QuantizeOptions, 'method' | 'target' | 'reduceRange'>,
  provider: Provider,
): Promise<TargetAdvice> {
  const { halfTarget, ...advice } = adviseTarget(options, provider);
  if (!halfTarget || halfTarget !== provider) return { ...advice, ...(halfTarget && { halfTarget }) };
  const why = await runTrivialModel(provider, 'float16').then(() => undefined, messageOf);
  if (why === undefined) return { ...advice, halfTarget };
  if (options.method === 'auto')
    return { ...advice, warnings: [...advice.warnings, `weights are only stored as float16: ${why}`] };
  throw new UserError(why, { file: `--method ${options.method} on ${provider}` });
}

/**
 * Fits method and settings to the target, which is the device where none is named: `auto` means float16 on GPUs, and
 * `fp16` means float16 arithmetic there, but only storage on CPUs, which have few float16 kernels.
 */
export function adviseTarget(
  options: Pick<QuantizeOptions, 'method' | 'target' | 'reduceRange'>,
  provider: Provider,
  vnni = process.arch === 'x64' ? hasVnni() : undefined,
): TargetAdvice {
  const target = options.target ?? provider;
  const reduceRange = options.reduceRange ?? (target === 'cpu-portable' || (target === 'cpu' && vnni === false));
  if (target === 'cpu' || target === 'cpu-portable') return { method: options.method, reduceRange, warnings: [] };
  const warnings: string[] = [];
  const method = options.method === 'auto' ? 'fp16' : options.method;
  if (options.method === 'auto') warnings.push(`float16 was chosen for ${target}: ${NO_INTEGER_KERNELS}`);
  if (method === 'static' || method === 'dynamic')
    warnings.push(`int8 for ${target}: ${NO_INTEGER_KERNELS}; --method fp16 is what is fast there`);
  if (target !== provider)
    warnings.push(
      `models ran on ${provider}: speed there says nothing about ${target} (--device ${target} runs them there)`,
    );
  return { method, reduceRange, warnings, ...(method === 'fp16' && { halfTarget: target }) };
}
