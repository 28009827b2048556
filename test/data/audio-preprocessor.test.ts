import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { createAudioPreprocessor } from '../../src/data/audio-preprocessor.js';
import type { InputSpec, RawAudio } from '../../src/data/types.js';
import { AUDIO, distance, signal } from './recorded/audio.js';

const root = mkdtempSync(join(tmpdir(), 'nncompress-audio-'));
afterAll(() => rmSync(root, { recursive: true }));

/** A model folder with this preprocessor_config.json. */
function folder(config?: Record<string, unknown>): string {
  const path = mkdtempSync(join(root, 'model-'));
  if (config) writeFileSync(join(path, 'preprocessor_config.json'), JSON.stringify(config));
  return path;
}

const input = (...dims: InputSpec['dims']): InputSpec => ({ name: 'x', type: 'float32', dims });
const clip = (samples: ArrayLike<number>, sampleRate = 16000): RawAudio => ({
  kind: 'audio',
  samples: Float32Array.from(samples),
  sampleRate,
});

const WAVEFORM = { feature_extractor_type: 'Wav2Vec2FeatureExtractor', sampling_rate: 16000, do_normalize: true };
const LOG_MEL = {
  feature_extractor_type: 'LogMelFeatureExtractor',
  sampling_rate: 8000,
  n_fft: 256,
  frame_length: 200,
  hop_length: 80,
  num_mel_bins: 4,
  mel_floor: 1e-6,
};

describe('waveforms', () => {
  it('get zero mean and unit variance over their own samples, then padding', async () => {
    const config = { ...WAVEFORM, padding: 'max_length', max_length: 4 };
    const { prepare } = await createAudioPreprocessor(folder(config), [input('batch', 1, 4)]);
    const { x } = await prepare(clip([0.5, 1.5]));
    expect(x!.dims).toEqual([1, 4]);
    expect(distance(x!.data as Float32Array, [-1, 1, 0, 0])).toBeLessThan(1e-6);
  });

  it('are cut to the length that the model fixes', async () => {
    const { prepare } = await createAudioPreprocessor(folder({ ...WAVEFORM, do_normalize: false }), [input('n', 2)]);
    expect((await prepare(clip([0.5, 0.25, 1]))).x!.data).toEqual(Float32Array.of(0.5, 0.25));
  });

  it('are padded to the longest of a batch, with ones in the mask where they are real', async () => {
    const mask: InputSpec = { name: 'attention_mask', type: 'int64', dims: ['n', 't'] };
    const config = { ...WAVEFORM, do_normalize: false, padding_side: 'left' };
    const { prepare, collate } = await createAudioPreprocessor(folder(config), [input('n', 't'), mask]);
    const batch = collate([await prepare(clip([1])), await prepare(clip([0.5, 0.25]))]);
    expect(batch.x).toEqual({ type: 'float32', dims: [2, 2], data: Float32Array.of(0, 1, 0.5, 0.25) });
    expect(batch.attention_mask).toEqual({ type: 'int64', dims: [2, 2], data: BigInt64Array.of(0n, 1n, 1n, 1n) });
  });

  it('are resampled', async () => {
    const { prepare } = await createAudioPreprocessor(folder({ ...WAVEFORM, do_normalize: false }), [input('n', 't')]);
    const { from, samples } = AUDIO.resample[0]!;
    expect(distance((await prepare(clip(signal(60), from))).x!.data as Float32Array, samples)).toBeLessThan(1e-6);
  });

  it('need only a rate where the input can be nothing else', async () => {
    const { prepare } = await createAudioPreprocessor(folder(), [input('n', 't')], { sampleRate: 16000 });
    expect((await prepare(clip([0.5]))).x!.data).toEqual(Float32Array.of(0.5));
  });
});

describe('features', () => {
  it('are those of WhisperFeatureExtractor', async () => {
    const config = { feature_extractor_type: 'WhisperFeatureExtractor', feature_size: 8, chunk_length: 0.2 };
    const { prepare } = await createAudioPreprocessor(folder(config), [input('n', 8, 20)]);
    const { x } = await prepare(clip(signal(AUDIO.whisper.samples)));
    expect(x!.dims).toEqual([8, 20]);
    expect(distance(x!.data as Float32Array, AUDIO.whisper.values)).toBeLessThan(1e-4);
  });

  it('are those of ASTFeatureExtractor', async () => {
    const config = { feature_extractor_type: 'ASTFeatureExtractor', num_mel_bins: 10, max_length: 8 };
    const { prepare } = await createAudioPreprocessor(folder(config), [input('n', 8, 10)]);
    const { x } = await prepare(clip(signal(AUDIO.ast.samples)));
    expect(distance(x!.data as Float32Array, AUDIO.ast.values)).toBeLessThan(1e-4);
  });

  it.each<[InputSpec['dims'], number[]]>([
    [
      ['n', 't', 4],
      [2, 4],
    ],
    [
      ['n', 4, 't'],
      [4, 2],
    ],
    [
      ['n', 1, 2, 4],
      [1, 2, 4],
    ],
    [
      ['n', 1, 4, 't'],
      [1, 4, 2],
    ],
    [
      ['n', 2, 4, 1],
      [2, 4, 1],
    ],
  ])('take the layout of the model: %j', async (dims, expected) => {
    const { prepare } = await createAudioPreprocessor(folder(LOG_MEL), [input(...dims)]);
    const plain = await createAudioPreprocessor(folder(LOG_MEL), [input('n', 't', 4)]);
    const sample = clip(signal(280), 8000);
    const { x } = await prepare(sample);
    expect(x!.dims).toEqual(expected);
    const frames = (await plain.prepare(sample)).x!.data as Float32Array;
    const turned = dims.indexOf(4) < 3 && (dims[1] === 4 || dims[2] === 4) && dims.at(-1) === 't';
    const wanted = turned ? [0, 4, 1, 5, 2, 6, 3, 7].map((at) => frames[at]) : [...frames];
    expect([...(x!.data as Float32Array)]).toEqual(wanted);
  });

  it('are padded with silence in a batch', async () => {
    const config = { ...LOG_MEL, do_normalize: true, mean: -3, std: 2 };
    const { prepare, collate } = await createAudioPreprocessor(folder(config), [input('n', 't', 4)]);
    const batch = collate([await prepare(clip(signal(200), 8000)), await prepare(clip(signal(280), 8000))]);
    expect(batch.x!.dims).toEqual([2, 2, 4]);
    expect(batch.x!.data[4]).toBeCloseTo((Math.log(1e-6) + 3) / 2, 5);
  });

  it('can be described by options alone, which also overrule the file', async () => {
    const options = { sampleRate: 8000, features: 'log-mel', nMels: 4 } as const;
    const { description } = await createAudioPreprocessor(folder(), [input('n', 't', 4)], options);
    expect(description).toBe('8000 Hz, log-mel 4 × 200/80 samples, NTF');
    const overruled = await createAudioPreprocessor(folder(LOG_MEL), [input('n', 't', 6)], {
      nMels: 6,
      hopLength: 100,
    });
    expect(overruled.description).toBe('8000 Hz, log-mel 6 × 200/100 samples, NTF');
  });
});

describe('mistakes', () => {
  it.each<[string, Record<string, unknown> | undefined, InputSpec[], RegExp]>([
    ['no configuration', undefined, [input('n', 't')], /at what rate.*--sample-rate/],
    ['an unclear input', undefined, [input('n', 't', 40)], /what input 'x' \[n, t, 40\] holds.*--features/],
    [
      'another extractor',
      { feature_extractor_type: 'ClapFeatureExtractor' },
      [input('n', 't')],
      /"ClapFeatureExtractor"/,
    ],
    ['no type', {}, [input('n', 't')], /feature_extractor_type: is missing/],
    ['a malformed field', { ...LOG_MEL, window: 'kaiser' }, [input('n', 't', 4)], /window: is not supported/],
    ['a missing field', { ...LOG_MEL, n_fft: undefined }, [input('n', 't', 4)], /preprocessor_config.json: n_fft: /],
    ['a frame beyond the DFT', { ...LOG_MEL, frame_length: 300 }, [input('n', 't', 4)], /frame_length: is longer than/],
    ['other filters', LOG_MEL, [input('n', 't', 40)], /gives \[N, T, 4\], input 'x' takes \[n, t, 40\]/],
    ['an integer input', WAVEFORM, [{ ...input('n', 't'), type: 'int64' }], /input 'x' \(int64\) is not one/],
    ['two inputs', WAVEFORM, [input('n', 't'), { ...input('n'), name: 'y' }], /input 'y'/],
    ['a length too great', { ...WAVEFORM, max_length: 9 }, [input('n', 8)], /max_length: is 9, input 'x' takes 8/],
  ])('%s', async (_, config, inputs, message) => {
    await expect(createAudioPreprocessor(folder(config), inputs)).rejects.toThrow(message);
  });

  it('an option that the extractor has no field for', async () => {
    const dir = folder({ feature_extractor_type: 'WhisperFeatureExtractor' });
    await expect(createAudioPreprocessor(dir, [input('n', 80, 3000)], { maxLength: 9 })).rejects.toThrow(
      /max_length: cannot be set by options for WhisperFeatureExtractor/,
    );
  });

  it('a clip that is too short, or empty', async () => {
    const { prepare } = await createAudioPreprocessor(folder(LOG_MEL), [input('n', 't', 4)]);
    expect(() => prepare(clip(signal(199), 8000))).toThrow(/is too short: 199 samples, one frame takes 200/);
    expect(() => prepare(clip([], 8000))).toThrow(/holds no samples/);
  });
});

describe('the two steps', () => {
  it('bring a clip to the rate, then cut, pad and encode it', async () => {
    const config = { ...WAVEFORM, padding: 'max_length', max_length: 4, do_normalize: false };
    const { stages, prepare, form, clip: taken } = await createAudioPreprocessor(folder(config), [input('batch', 4)]);
    const fitted = stages!.fit(clip(new Array(12).fill(0.5), 32000)) as RawAudio;
    expect([fitted.sampleRate, fitted.samples.length]).toEqual([16000, 6]);
    expect(stages!.encode(clip([1, 2]))).toEqual({
      x: { type: 'float32', dims: [4], data: Float32Array.of(1, 2, 0, 0) },
    });
    const long = clip([1, 2, 3, 4, 5]);
    expect(stages!.encode(stages!.fit(long))).toEqual(await prepare(long));
    expect(form).toBeUndefined();
    expect(taken).toEqual({ input: 'x', axes: 'NT', sampleRate: 16000, length: 4, pad: true });
  });

  it.each([
    ['NCTF', [1, 2]],
    ['NFT', [1, 0]],
  ])('tell where time and mel filters are in %s', async (layout, [timeAxis, melAxis]) => {
    const dims = layout === 'NFT' ? ['n', 4, 't'] : ['n', 1, 't', 4];
    const { form } = await createAudioPreprocessor(folder({ ...LOG_MEL, layout }), [input(...dims)]);
    expect(form).toEqual({ kind: 'log-mel', input: 'x', timeAxis, melAxis });
  });
});
