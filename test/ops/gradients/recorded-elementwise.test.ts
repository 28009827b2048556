import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { floats, gradientsOf, graphOf, randomFloats } from './check-gradient.js';

/** One operator and the gradients that PyTorch finds (recorded-elementwise.py). */
interface Recorded {
  call: string;
  dims: number[][];
  inputs: number[][];
  gradients: number[][];
}

const CASES: Recorded[] = JSON.parse(readFileSync(new URL('recorded-elementwise.json', import.meta.url), 'utf8'));

test.each(CASES)("$call has PyTorch's gradients", async ({ call, dims, inputs, gradients }) => {
  const names = ['x', 'a'].slice(0, inputs.length);
  const feeds = Object.fromEntries(names.map((name, k) => [name, floats(dims[k]!, inputs[k]!)]));
  const size = call.startsWith('Reduce') ? 1 : inputs[0]!.length;
  const weights = Array.from({ length: size }, (_, k) => ((k + 1) / 4).toFixed(2));
  const signature = names.map((name, k) => `float[${dims[k]}] ${name}`).join(', ');
  const model = graphOf(
    `f (${signature}) => (float sum) <float[${size}] w = {${weights}}, float low = {-1.3}, float high = {1.2}> {
      y = ${call} weighted = Mul(y, w) sum = ReduceSum<keepdims=0>(weighted) }`,
    20,
  );
  const found = await gradientsOf(model, feeds, { seed: 1 });
  const scale = Number(randomFloats([], 1).data[0]);
  for (const [k, name] of names.entries())
    for (const [at, expected] of gradients[k]!.entries())
      expect(Number(found[name]!.data[at]) / scale, `${name}[${at}]`).toBeCloseTo(expected, 4);
});
