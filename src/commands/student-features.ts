import { fieldsOf, usualLogMel } from '../data/audio-options.js';
import type { JsonFile } from '../data/beside.js';
import { firstSamples, openTask, type TaskData } from '../data/task.js';
import type { ClipForm } from '../data/types.js';
import { UserError } from '../errors.js';
import type { NamedValues } from '../ir/types.js';
import type { InputValue, StudentInput } from '../students/input.js';
import type { DistillOptions } from './distill-options.js';
import type { Teacher } from './distill-teachers.js';
import { preprocessingOf } from './preprocessing.js';

/** What a new student is fed, and how samples are prepared for it. */
export interface StudentFeed {
  input: StudentInput;
  /** What its preprocessing is to say, where it is not that of the teacher. */
  config?: JsonFile;
}

/** Samples that show lengths where a model leaves them open. */
const TYPICAL = 16;

/** The inputs of some samples, padded to the longest. */
export async function typicalFeeds(data: TaskData): Promise<NamedValues> {
  const size = data.fixedBatch ?? TYPICAL;
  for await (const { feeds } of data.stream(firstSamples(data, size), size)) return feeds;
  throw new UserError('holds no sample that can be read', { file: data.dataset.path });
}

/** Mel filters, and the least energy, of features that are made for a student. */
const MEL_BINS = 40;
const FLOOR = 1e-6;

/** What a student takes of sounds, where its teacher takes something else. */
type SoundKind = 'waveform' | 'spectrogram';

/**
 * Features of sounds for a student whose teacher takes others: at the same rate, of the same length; the waveform with
 * zero mean and unit variance, or log-mel energies standardized over some of the samples. Options overrule it.
 */
export async function featuresFor(
  kind: SoundKind,
  { sampleRate, length, pad }: ClipForm,
  teacher: Teacher,
  data: TaskData,
  options: DistillOptions,
): Promise<StudentFeed> {
  const given = fieldsOf(preprocessingOf(options).audio ?? {});
  const rate = typeof given.sampling_rate === 'number' ? given.sampling_rate : sampleRate;
  const samples = length === undefined ? undefined : Math.round((length * rate) / sampleRate);
  const clip = {
    sampling_rate: rate,
    padding: pad ? 'max_length' : 'longest',
    ...(samples && { max_length: samples }),
  };
  const open = (value: Record<string, unknown>, input: InputValue) => {
    const config = { path: 'preprocessor_config.json', value };
    const session = { inputs: [input], outputs: teacher.bench.info.outputs };
    return openTask(data.dataset, teacher.bench.path, session, { preprocessing: { config } });
  };
  const axes = kind === 'waveform' ? 'NCT' : 'NCTF';
  const input: InputValue =
    kind === 'waveform'
      ? { name: 'input_values', type: 'float32', dims: ['batch', 1, 'samples'] }
      : { name: 'input_features', type: 'float32', dims: ['batch', 1, 'frames', 'bands'] };
  const plain = { ...(kind === 'waveform' ? WAVEFORM : logMelAt(rate)), ...clip, ...given };
  const { dims, data: values } = (await typicalFeeds(await open(plain, input)))[input.name]!;
  const isScaled = kind === 'waveform' || 'mean' in given;
  const value = isScaled ? plain : { ...plain, do_normalize: true, ...spreadOf(values as Float32Array) };
  const [, , T, F] = dims;
  const fixed = value.padding === 'max_length' ? T : input.dims[2];
  const declared = kind === 'waveform' ? ['batch', 1, fixed] : ['batch', 1, fixed, F];
  return {
    input: { kind, value: { ...input, dims: declared }, axes, sizes: { C: 1, T, F }, sampleRate: rate },
    config: { path: 'preprocessor_config.json', value } satisfies JsonFile,
  };
}

const WAVEFORM = { feature_extractor_type: 'Wav2Vec2FeatureExtractor', feature_size: 1, do_normalize: true };

const logMelAt = (sampleRate: number) => ({
  ...usualLogMel(sampleRate),
  num_mel_bins: MEL_BINS,
  mel_floor: FLOOR,
});

/** Mean and standard deviation, to four digits. */
function spreadOf(values: Float32Array): { mean: number; std: number } {
  let [sum, squares] = [0, 0];
  for (const value of values) {
    sum += value;
    squares += value * value;
  }
  const mean = sum / values.length;
  const std = Math.sqrt(Math.max(squares / values.length - mean * mean, 1e-8));
  return { mean: Number(mean.toPrecision(4)), std: Number(std.toPrecision(4)) };
}
