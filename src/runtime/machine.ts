import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { availableParallelism, cpus, totalmem } from 'node:os';

/** What this machine computes with. */
export interface MachineFacts {
  cpu: string;
  /** Cores that this process may use. */
  cores: number;
  /** Bytes of memory that this process may use. */
  memoryBytes: number;
  /** Instruction sets that matter to quantized models; undefined where the system does not tell. */
  isa: readonly string[] | undefined;
}

/** Instruction sets, with the words that stand for them in /proc/cpuinfo (Linux) and sysctl (macOS). */
const INSTRUCTION_SETS: readonly { name: string; linux: string; macos?: string }[] = [
  { name: 'avx2', linux: 'avx2', macos: 'AVX2' },
  { name: 'f16c', linux: 'f16c', macos: 'F16C' },
  { name: 'avx512f', linux: 'avx512f', macos: 'AVX512F' },
  { name: 'avx512_vnni', linux: 'avx512_vnni', macos: 'AVX512VNNI' },
  { name: 'avx_vnni', linux: 'avx_vnni' },
  { name: 'amx_int8', linux: 'amx_int8' },
  { name: 'neon', linux: 'asimd', macos: 'hw.optional.neon' },
  { name: 'fp16', linux: 'asimdhp', macos: 'hw.optional.arm.FEAT_FP16' },
  { name: 'dotprod', linux: 'asimddp', macos: 'hw.optional.arm.FEAT_DotProd' },
  { name: 'i8mm', linux: 'i8mm', macos: 'hw.optional.arm.FEAT_I8MM' },
];

/** Instruction sets that multiply 8-bit integers and add them up in 32 bits in one step. */
const INT8_DOT_PRODUCTS = ['avx512_vnni', 'avx_vnni', 'amx_int8', 'dotprod', 'i8mm'];

/** Facts of this machine. */
export function machineFacts(): MachineFacts {
  const constrained = process.constrainedMemory() ?? 0;
  const memory = totalmem();
  return {
    cpu: cpus()[0]?.model.trim() || process.arch,
    cores: availableParallelism(),
    memoryBytes: constrained > 0 && constrained < memory ? constrained : memory,
    isa: instructionSets(process.platform),
  };
}

/**
 * True where the processor has an 8-bit dot product (VNNI or AMX on x86, dotprod or i8mm on ARM); undefined where the
 * system does not tell. Without one, x86 kernels add pairs of products in 16 bits, which overflows unless weights have
 * 7 bits (reduce-range).
 */
export function hasVnni(isa: readonly string[] | undefined = machineFacts().isa): boolean | undefined {
  return isa?.some((name) => INT8_DOT_PRODUCTS.includes(name));
}

function instructionSets(platform: string): string[] | undefined {
  if (platform === 'linux') return linuxInstructionSets(readText('/proc/cpuinfo'));
  if (platform === 'darwin') return macosInstructionSets(sysctl());
  return undefined;
}

/** Instruction sets named in the text of /proc/cpuinfo. */
export function linuxInstructionSets(cpuinfo: string): string[] | undefined {
  const flags = /^(?:flags|Features)\s*:\s*(.*)$/m.exec(cpuinfo)?.[1]?.split(/\s+/);
  return flags && INSTRUCTION_SETS.filter((set) => flags.includes(set.linux)).map((set) => set.name);
}

/** Instruction sets named in what `sysctl machdep.cpu hw.optional` prints. */
export function macosInstructionSets(listing: string): string[] | undefined {
  if (!listing) return undefined;
  const words = new Set(listing.match(/^hw\.optional\.\S+(?=: 1$)/gm));
  for (const line of listing.match(/^machdep\.cpu\.\w*features: .*$/gm) ?? [])
    for (const word of line.split(/\s+/).slice(1)) words.add(word);
  return INSTRUCTION_SETS.filter((set) => set.macos && words.has(set.macos)).map((set) => set.name);
}

function readText(path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return '';
  }
}

function sysctl(): string {
  try {
    return execFileSync('sysctl', ['machdep.cpu', 'hw.optional'], {
      encoding: 'utf8',
      stdio: ['ignore', 'pipe', 'ignore'],
    });
  } catch {
    return '';
  }
}
