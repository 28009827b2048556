import type { NamedValues, TensorValue } from '../../ir/types.js';
import { normal, type Random } from '../../random.js';
import type { AugmentationRow } from './augmentation.js';

/** Adds Gaussian noise to float inputs, in proportion to each one's standard deviation (Bishop 1995). */
export const inputNoise: AugmentationRow = {
  about: 'adds Gaussian noise, as a share of the standard deviation',
  parameters: [{ name: 'share', least: 0, most: 10, default: 0.05 }],
  make: ([share]) => ({
    on: 'inputs',
    apply: (inputs, random): NamedValues =>
      Object.fromEntries(Object.entries(inputs).map(([name, value]) => [name, noisy(value, share!, random)])),
  }),
};

function noisy(value: TensorValue, share: number, random: Random): TensorValue {
  const { data } = value;
  if (!(data instanceof Float32Array || data instanceof Float64Array)) return value;
  let sum = 0;
  let squares = 0;
  for (const number of data) {
    sum += number;
    squares += number ** 2;
  }
  const mean = sum / data.length;
  const deviation = share * Math.sqrt(Math.max(0, squares / data.length - mean ** 2));
  const changed = data.slice();
  for (let at = 0; at < changed.length; at++) changed[at] = changed[at]! + deviation * normal(random);
  return { ...value, data: changed };
}
