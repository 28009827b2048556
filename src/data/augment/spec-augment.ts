import { encodeNumbers } from '../../ir/tensor.js';
import type { TensorValue } from '../../ir/types.js';
import { numbersOf } from '../array-source.js';
import type { LogMelForm } from '../types.js';
import { type AugmentationRow, type Parameter, wholeBetween } from './augmentation.js';

const share = (name: string, usual: number): Parameter => ({ name, least: 0, most: 1, default: usual });
/** Masks along each axis, as in the paper's larger policies. */
const MASKS = 2;

/**
 * Hides bands of mel filters and stretches of time in log-mel features behind the sample's mean (SpecAugment, Park et
 * al. 2019; without its time warping, which its authors found to matter least). Two masks each, of random width.
 */
export const specAugment: AugmentationRow = {
  about: 'hides bands of mel filters and stretches of time, two each, up to these shares wide',
  parameters: [share('mel filters', 0.2), share('time', 0.1)],
  lacks: (form) => (form?.kind === 'log-mel' ? undefined : 'the model takes waveforms, not log-mel features'),
  make: ([mels, time], _, form) => {
    const { input, melAxis, timeAxis } = form as LogMelForm;
    return {
      on: 'inputs',
      apply(inputs, random) {
        const value = inputs[input]!;
        const numbers = numbersOf(value);
        const mean = numbers.reduce((sum, number) => sum + number, 0) / numbers.length;
        const [hidden] = encodeNumbers(value.type, [mean]);
        const data = (value.data as Float32Array).slice();
        for (const [axis, most] of [
          ...new Array<[number, number]>(MASKS).fill([melAxis, mels!]),
          ...new Array<[number, number]>(MASKS).fill([timeAxis, time!]),
        ]) {
          const length = value.dims[axis]!;
          const width = wholeBetween(random, 0, Math.floor(most * length));
          hide(data, value.dims, axis, wholeBetween(random, 0, length - width), width, hidden as number);
        }
        return { ...inputs, [input]: { ...value, data } };
      },
    };
  },
};

/** Overwrites a band along one axis. */
function hide(
  data: Float32Array,
  dims: TensorValue['dims'],
  axis: number,
  from: number,
  width: number,
  value: number,
): void {
  const inner = dims.slice(axis + 1).reduce((product, dim) => product * dim, 1);
  const pitch = dims[axis]! * inner;
  for (let start = from * inner; start < data.length; start += pitch) data.fill(value, start, start + width * inner);
}
