import { rmSync, writeFileSync } from 'node:fs';
import { freemem, tmpdir } from 'node:os';
import { join } from 'node:path';
import { z } from 'zod';
import { EXIT, messageOf, UserError } from '../errors.js';
import { hasVnni, type MachineFacts, machineFacts } from '../runtime/machine.js';
import type { Provider } from '../runtime/protocol.js';
import { checkProvider } from '../runtime/providers.js';
import { packageVersion, toolVersion } from '../version.js';
import type { CommandContext } from './context.js';
import { formatBytes, wrap } from './layout.js';
import { displayShape } from './option-shapes.js';

/** What `nncompress doctor` takes. */
export const options = z.object({ json: z.boolean().default(false), ...displayShape });

/** `ok`, `broken` where something required does not work, `absent` where something optional is not there. */
type State = 'ok' | 'broken' | 'absent';

interface Finding {
  state: State;
  detail: string;
  mend?: string | undefined;
}

interface Check {
  name: string;
  run(machine: MachineFacts): Finding | Promise<Finding>;
}

const OLDEST_NODE = [20, 9];

const CHECKS: readonly Check[] = [
  { name: 'node', run: checkNode },
  { name: 'onnxruntime', run: checkRuntime },
  { name: 'cpu', run: () => providerFinding('cpu') },
  { name: 'cuda', run: () => providerFinding('cuda') },
  { name: 'webgpu', run: () => providerFinding('webgpu') },
  { name: 'processor', run: ({ cpu, cores }) => ({ state: 'ok', detail: `${cpu}, ${cores} cores` }) },
  { name: 'int8', run: checkInstructionSets },
  { name: 'sharp', run: () => libraryFinding('sharp', 'images', decodeImage) },
  { name: 'tokenizers', run: () => libraryFinding('tokenizers', 'texts', encodeWord) },
  { name: 'mpi', run: checkOpenMpi },
  { name: 'memory', run: checkMemory },
  { name: 'temp folder', run: checkTemporaryFolder },
];

/** Checks this machine and says what is missing and how to mend it. */
export async function run(
  { json }: z.output<typeof options>,
  { print, color, width }: CommandContext,
): Promise<number> {
  const machine = machineFacts();
  const findings = await Promise.all(
    CHECKS.map(async (check) => ({ name: check.name, ...(await attempt(check, machine)) })),
  );
  const healthy = findings.every(({ state }) => state !== 'broken');
  if (json) print(JSON.stringify({ tool: toolInfo(), machine, healthy, checks: findings }, null, 2));
  else {
    const columns = Math.min(width, 100);
    const signs = { ok: color.green('✓'), broken: color.red('✗'), absent: color.dim('–') };
    for (const { name, state, detail, mend } of findings) {
      print(`${signs[state]} ${color.bold(name.padEnd(12))} ${wrap(detail, columns, 15)}`);
      if (mend) print(`${' '.repeat(15)}${color.yellow(`→ ${wrap(mend, columns, 17)}`)}`);
    }
  }
  return healthy ? EXIT.ok : EXIT.userError;
}

function toolInfo() {
  return {
    name: 'nncompress',
    version: toolVersion(),
    onnxruntime: packageVersion('onnxruntime-node'),
    node: process.versions.node,
  };
}

async function attempt(check: Check, machine: MachineFacts): Promise<Finding> {
  try {
    return await check.run(machine);
  } catch (error) {
    return { state: 'broken', detail: messageOf(error), mend: 'install nncompress again: npm ci' };
  }
}

function checkNode(): Finding {
  const [major = 0, minor = 0] = process.versions.node.split('.').map(Number);
  const [oldestMajor, oldestMinor] = OLDEST_NODE as [number, number];
  const fits = major > oldestMajor || (major === oldestMajor && minor >= oldestMinor);
  const detail = `${process.versions.node} on ${process.platform} ${process.arch}`;
  return fits
    ? { state: 'ok', detail }
    : { state: 'broken', detail, mend: `install Node ${OLDEST_NODE.join('.')} or newer` };
}

function checkRuntime(): Finding {
  const version = packageVersion('onnxruntime-node');
  if (!version) return { state: 'broken', detail: 'not installed', mend: 'npm install onnxruntime-node' };
  return { state: 'ok', detail: version };
}

async function providerFinding(provider: Provider): Promise<Finding> {
  const { works, installed, reason, mend } = await checkProvider(provider);
  if (works) return { state: 'ok', detail: 'the provider runs models' };
  const detail = installed ? `the provider does not work: ${reason}` : `not installed: ${reason}`;
  return { state: provider === 'cpu' ? 'broken' : 'absent', detail, mend };
}

function checkInstructionSets({ isa }: MachineFacts): Finding {
  const known = isa?.join(', ') || 'no known instruction sets';
  const vnni = hasVnni(isa);
  if (vnni) return { state: 'ok', detail: `${known}: 8-bit products are exact and fast` };
  if (vnni === undefined)
    return {
      state: 'absent',
      detail: 'this system does not tell its instruction sets',
      mend: 'without VNNI, quantize with --target cpu-portable',
    };
  return {
    state: 'absent',
    detail: `${known}: no VNNI, so that 8-bit products can overflow and int8 is little faster than float`,
    mend: 'quantize with --target cpu-portable (or --reduce-range)',
  };
}

async function libraryFinding(name: string, purpose: string, use: () => Promise<void>): Promise<Finding> {
  const version = packageVersion(name);
  try {
    await use();
    return { state: 'ok', detail: `${version ?? ''} reads ${purpose}`.trim() };
  } catch (error) {
    return {
      state: 'broken',
      detail: version ? `${version} does not work: ${messageOf(error)}` : 'not installed',
      mend: `install it for this platform: npm install ${name}`,
    };
  }
}

async function decodeImage(): Promise<void> {
  const { default: sharp } = await import('sharp');
  const image = { width: 2, height: 2, channels: 3, background: '#102030' } as const;
  const png = await sharp({ create: image }).png().toBuffer();
  const { data } = await sharp(png).raw().toBuffer({ resolveWithObject: true });
  if (data[0] !== 16) throw new Error('it decodes wrong pixels');
}

async function encodeWord(): Promise<void> {
  const { Tokenizer, WordLevel } = await import('tokenizers');
  const encoding = await new Tokenizer(WordLevel.init({ word: 7 })).encode('word');
  if (encoding.getIds()[0] !== 7) throw new Error('it gives wrong ids');
}

async function checkOpenMpi(): Promise<Finding> {
  try {
    const { checkMpi } = await import('../parallel/mpi-library.js');
    checkMpi();
    return { state: 'ok', detail: 'Open MPI is there: training can go over several machines' };
  } catch (error) {
    if (!(error instanceof UserError)) throw error;
    return { state: 'absent', detail: 'Open MPI is not there: training stays on this machine', mend: error.place.mend };
  }
}

function checkMemory({ memoryBytes }: MachineFacts): Finding {
  return { state: 'ok', detail: `${formatBytes(memoryBytes)}, ${formatBytes(Math.min(freemem(), memoryBytes))} free` };
}

function checkTemporaryFolder(): Finding {
  const folder = tmpdir();
  const file = join(folder, `nncompress-${process.pid}.tmp`);
  try {
    writeFileSync(file, 'x');
    rmSync(file);
    return { state: 'ok', detail: `${folder} can be written` };
  } catch (error) {
    return {
      state: 'broken',
      detail: `${folder}: ${messageOf(error)}`,
      mend: 'set TMPDIR to a folder that can be written',
    };
  }
}
