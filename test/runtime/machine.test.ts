import { describe, expect, it } from 'vitest';
import { hasVnni, linuxInstructionSets, machineFacts, macosInstructionSets } from '../../src/runtime/machine.js';

describe('instruction sets', () => {
  it('are read off /proc/cpuinfo', () => {
    const server = 'processor\t: 0\nflags\t\t: fpu sse avx2 f16c avx512f avx512_vnni\nbogomips\t: 1\n';
    expect(linuxInstructionSets(server)).toEqual(['avx2', 'f16c', 'avx512f', 'avx512_vnni']);
    expect(linuxInstructionSets('Features\t: fp asimd asimdhp asimddp\n')).toEqual(['neon', 'fp16', 'dotprod']);
    expect(linuxInstructionSets('')).toBeUndefined();
  });
  it('are read off sysctl', () => {
    const apple = 'machdep.cpu.brand_string: Apple M1\nhw.optional.neon: 1\nhw.optional.arm.FEAT_DotProd: 1\n';
    expect(macosInstructionSets(`${apple}hw.optional.arm.FEAT_I8MM: 0\n`)).toEqual(['neon', 'dotprod']);
    expect(macosInstructionSets('machdep.cpu.leaf7_features: BMI1 AVX2 AVX512VNNI\n')).toEqual(['avx2', 'avx512_vnni']);
  });
  it('tell whether there is an 8-bit dot product', () => {
    expect(hasVnni(['avx2', 'avx_vnni'])).toBe(true);
    expect(hasVnni(['neon', 'dotprod'])).toBe(true);
    expect(hasVnni(['avx2'])).toBe(false);
  });
});

it('describes this machine', () => {
  const { cpu, cores, memoryBytes } = machineFacts();
  expect(cpu).not.toBe('');
  expect(cores).toBeGreaterThan(0);
  expect(memoryBytes).toBeGreaterThan(2 ** 27);
});
