import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { parseAugmentations } from '../../../src/data/augment/parse.js';
import type { LogMelForm, RawAudio } from '../../../src/data/types.js';
import type { DataType, NamedValues } from '../../../src/ir/types.js';
import { type Random, seededRandom } from '../../../src/random.js';

const clip = (samples: ArrayLike<number>, sampleRate = 10): RawAudio => ({
  kind: 'audio',
  samples: Float32Array.from(samples),
  sampleRate,
});
const stream = (value: number) => () => value;

function augment(text: string, audio: RawAudio, random: Random): RawAudio {
  const data = { dataset: { kind: 'audio' as const }, preprocessor: {} };
  return parseAugmentations(text, data).list.reduce(
    (made, each) => (each.on === 'audio' ? each.apply(made, random) : made),
    audio,
  );
}

describe('noise', () => {
  it('has the signal-to-noise ratio that is drawn, whatever the loudness', () => {
    for (const loudness of [0.001, 1]) {
      const audio = clip(Array.from({ length: 20_000 }, (_, n) => loudness * Math.sin(n)));
      const noisy = augment('noise=10:10', audio, seededRandom(1));
      const noise = noisy.samples.map((sample, at) => sample - audio.samples[at]!);
      const energy = (samples: Float32Array) => samples.reduce((sum, sample) => sum + sample ** 2, 0);
      expect(10 * Math.log10(energy(audio.samples) / energy(noise))).toBeCloseTo(10, 0);
    }
  });

  it('leaves silence silent', () => {
    expect(augment('noise', clip([0, 0]), stream(0.3)).samples).toEqual(Float32Array.of(0, 0));
  });
});

describe('shift', () => {
  it('puts silence before, or cuts the beginning off and puts silence behind', () => {
    expect(augment('shift=0.2', clip([1, 2, 3, 4]), stream(1)).samples).toEqual(Float32Array.of(0, 0, 1, 2, 3, 4));
    expect(augment('shift=0.1', clip([1, 2, 3, 4]), stream(0)).samples).toEqual(Float32Array.of(2, 3, 4, 0));
  });

  it('cuts at most half of a clip off', () => {
    expect(augment('shift=60', clip([1, 2, 3, 4]), stream(0)).samples).toEqual(Float32Array.of(3, 4, 0, 0));
  });
});

describe('gain and speed', () => {
  it('makes clips louder', () => {
    expect(augment('gain=20', clip([0.5, -0.25]), stream(1)).samples).toEqual(Float32Array.of(5, -2.5));
  });

  it('makes clips shorter and tones higher', () => {
    const tone = (hertz: number, length: number) =>
      Array.from({ length }, (_, n) => Math.sin((2 * Math.PI * hertz * n) / 8000));
    const fast = augment('speed=1.25:1.25', clip(tone(400, 8000), 8000), stream(0)).samples;
    expect(fast).toHaveLength(6400);
    const expected = tone(500, 6400);
    const inner = [...fast.keys()].slice(100, -100);
    for (const n of inner) expect(Math.abs(fast[n]! - expected[n]!)).toBeLessThan(0.01);
  });

  it('leaves the speed of the shortest clips', () => {
    const short = clip(new Array(79).fill(1), 800);
    expect(augment('speed', short, stream(0))).toBe(short);
  });
});

describe('specaugment', () => {
  const form = (timeAxis: number, melAxis: number): LogMelForm => ({ kind: 'log-mel', input: 'x', timeAxis, melAxis });

  function mask(
    text: string,
    { form: at, dims, type = 'float32' }: { form: LogMelForm; dims: number[]; type?: DataType },
    seed: number,
  ) {
    const size = dims.reduce((product, dim) => product * dim);
    const inputs: NamedValues = { x: { type, dims, data: Float32Array.from({ length: size }, (_, n) => n) } };
    const [first] = parseAugmentations(text, { dataset: { kind: 'audio' }, preprocessor: { form: at } }).list;
    const changed = first!.on === 'inputs' ? first!.apply(inputs, seededRandom(seed)) : inputs;
    expect(inputs.x!.data[1]).toBe(1);
    const mean = (size - 1) / 2;
    return Array.from(changed.x!.data as Float32Array, (value, n) => {
      expect(value === n || value === mean).toBe(true);
      return value !== n;
    });
  }

  it('hides whole mel filters and whole frames behind the mean, at most twice the share of each', () => {
    fc.assert(
      fc.property(fc.nat(), (seed) => {
        const hidden = mask('specaugment=0.2:0.1', { form: form(1, 2), dims: [1, 20, 10] }, seed);
        const isHidden = (frame: number, mel: number) => hidden[frame * 10 + mel];
        const range = (length: number) => Array.from({ length }, (_, n) => n);
        const frames = range(20).filter((frame) => range(10).every((mel) => isHidden(frame, mel)));
        const mels = range(10).filter((mel) => range(20).every((frame) => isHidden(frame, mel)));
        expect(frames.length).toBeLessThanOrEqual(4);
        expect(mels.length).toBeLessThanOrEqual(4);
        for (const frame of range(20)) {
          for (const mel of range(10)) expect(isHidden(frame, mel)).toBe(frames.includes(frame) || mels.includes(mel));
        }
      }),
    );
  });

  it('knows the layout', () => {
    const hidden = mask('specaugment=0:0.5', { form: form(1, 0), dims: [2, 8] }, 3);
    expect(hidden.slice(0, 8)).toEqual(hidden.slice(8));
    expect(hidden).toContain(true);
    expect(hidden).toContain(false);
  });

  it('is refused for waveforms', () => {
    expect(() => augment('specaugment', clip([1]), stream(0))).toThrow(
      "--augment: specaugment: the model takes waveforms, not log-mel features; leave 'specaugment' out",
    );
  });
});
