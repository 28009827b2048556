import type { NamedValues, TensorValue } from '../ir/types.js';
import { giveBack } from './give-back.js';
import type { LocalRunner } from './local-chain.js';

/** Runs a model whose outputs of type uint16 are given as how often each number below a limit occurs in them. */
export function counting(runner: LocalRunner, limit: number): LocalRunner {
  return {
    info: runner.info,
    run: async (feeds, fetches) => counted(await runner.run(feeds, fetches), limit),
    runKept: (feeds) => runner.runKept(feeds),
    release: () => runner.release(),
  };
}

function counted(values: NamedValues, limit: number): NamedValues {
  const entries = Object.entries(values).map(([name, value]): [string, TensorValue] => {
    if (value.type !== 'uint16') return [name, value];
    const data = countNumbers(value.data as Uint16Array, limit);
    giveBack([value.data as Uint16Array]);
    return [name, { type: 'uint32', dims: [limit], data }];
  });
  return Object.fromEntries(entries);
}

let scratch = new Uint32Array(0);

/** How often each number below a limit occurs; others must not. */
export function countNumbers(numbers: Uint16Array, limit: number): Uint32Array {
  if (scratch.length !== 4 * limit) scratch = new Uint32Array(4 * limit);
  const counts = scratch.fill(0);
  // Four counts of each number: one would wait for itself where the same number comes many times in a row, as zeros do.
  const whole = numbers.length & ~3;
  for (let i = 0; i < whole; i += 4) {
    counts[numbers[i]!]!++;
    counts[limit + numbers[i + 1]!]!++;
    counts[2 * limit + numbers[i + 2]!]!++;
    counts[3 * limit + numbers[i + 3]!]!++;
  }
  for (let i = whole; i < numbers.length; i++) counts[numbers[i]!]!++;
  const sums = counts.slice(0, limit);
  for (let i = 0; i < limit; i++) sums[i]! += counts[limit + i]! + counts[2 * limit + i]! + counts[3 * limit + i]!;
  return sums;
}
