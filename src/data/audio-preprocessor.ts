import { UserError } from '../errors.js';
import { encodeNumbers } from '../ir/tensor.js';
import type { DataType, NamedValues } from '../ir/types.js';
import { type AudioRecipe, LAYOUTS, type Layout, readAudioConfig } from './audio-config.js';
import { type AudioOptions, fieldsOf, recipeFromOptions } from './audio-options.js';
import { type JsonFile, readJsonBeside } from './beside.js';
import { createLogMel } from './log-mel.js';
import { type Padding, padAndStack } from './pad-batch.js';
import { resample } from './resample.js';
import type { InputSpec, Preprocessor, RawAudio, RawSample, Stages } from './types.js';

const CONFIG = 'preprocessor_config.json';

/** Values of one clip, time first: `values[t * width + f]`, and how many of its steps are real. */
interface Steps {
  values: Float32Array;
  real: number;
}

/** Turns a clip at the right rate, cut but not padded, into values over time. */
interface Features {
  /** Values per time step: 1 for waveforms, the mel filters for features. */
  width: number;
  /** Time steps that a clip of this length gives. */
  steps(samples: number): number;
  /** Fewest samples that give this many steps. */
  samples(steps: number): number;
  compute(clip: Float32Array): Steps;
  /** What steps that are added to fill up a batch hold. */
  silence: number;
  description: string;
}

/**
 * Prepares clips as the preprocessor_config.json beside the model says, or as options say: resampled, cut and padded
 * waveforms, or log-mel features. Layout and length are read off the model's input where the configuration leaves them
 * open. An `attention_mask` or other mask input gets ones over the real part of a clip.
 * @param modelDir folder of the model
 * @param inputs the inputs that the model really has
 * @param given stands for the preprocessor_config.json
 * @throws UserError where the configuration is missing, malformed or contradicts the model's input
 */
export async function createAudioPreprocessor(
  modelDir: string,
  inputs: readonly InputSpec[],
  options: AudioOptions = {},
  given?: JsonFile,
): Promise<Preprocessor> {
  const { main, mask } = matchInputs(inputs);
  const config = given ?? (await readJsonBeside(modelDir, CONFIG));
  const recipe = config ? readAudioConfig(config, fieldsOf(options)) : recipeFromOptions(main, options);
  const plan = await planOf(main, recipe, config?.path ?? 'options');
  const axis = [...plan.layout].indexOf('T') - 1;
  const [fill] = encodeNumbers(main.type, [plan.features.silence]);
  const paddings: Record<string, Padding> = {
    [main.name]: { axis, value: fill!, side: recipe.side },
    ...(mask && { [mask.name]: { axis: 0, value: encodeNumbers(mask.type, [0])[0]!, side: recipe.side } }),
  };
  const stages: Stages = {
    fit: (sample) => atRate(audioOf(sample), recipe.sampleRate),
    encode(sample) {
      const { samples } = audioOf(sample);
      const { values, real } = plan.features.compute(samples.subarray(0, plan.recipe.length ?? samples.length));
      const { width } = plan.features;
      const steps = values.length / width;
      const prepared: NamedValues = { [main.name]: arrange(values, steps, width, plan.layout, main.type) };
      if (mask) prepared[mask.name] = maskOf(mask.type, steps, real, recipe.side);
      return prepared;
    },
  };
  return {
    description: `${recipe.sampleRate} Hz, ${plan.features.description}, ${plan.layout}`,
    prepare: (sample) => stages.encode(stages.fit(sample)),
    stages,
    clip: {
      input: main.name,
      axes: plan.layout,
      sampleRate: recipe.sampleRate,
      length: plan.recipe.length,
      pad: plan.recipe.pad,
    },
    form: recipe.logMel && {
      kind: 'log-mel',
      input: main.name,
      timeAxis: axis,
      melAxis: plan.layout.indexOf('F') - 1,
    },
    paddings,
    collate: (samples) => padAndStack(samples, paddings),
  };
}

const FLOATS: readonly DataType[] = ['float32', 'float16', 'float64'];

function matchInputs(inputs: readonly InputSpec[]): { main: InputSpec; mask: InputSpec | undefined } {
  const mask = inputs.find((input) => /mask/i.test(input.name));
  const [main, extra] = inputs.filter((input) => input !== mask);
  if (main && FLOATS.includes(main.type) && !extra) return { main, mask };
  const odd = extra ?? main ?? mask;
  throw new UserError(`input '${odd?.name}' (${odd?.type}) is not one that audio fills`, {
    mend: 'use a model with one float input (and at most a mask), or give its inputs as arrays in an NPZ file',
  });
}

interface Plan {
  layout: Layout;
  recipe: AudioRecipe;
  features: Features;
}

/** Brings the recipe and the model's input together: the layout, and the length where the model fixes it. */
async function planOf(input: InputSpec, recipe: AudioRecipe, file: string): Promise<Plan> {
  const open = await featuresOf(recipe);
  const fixed =
    recipe.logMel?.frames ?? (recipe.pad && recipe.length !== undefined ? open.steps(recipe.length) : undefined);
  const layout = chooseLayout(input, recipe, { C: 1, F: open.width, T: fixed }, file);
  const time = input.dims[layout.indexOf('T')];
  if (fixed !== undefined || typeof time !== 'number') return { layout, recipe, features: open };
  const length = open.samples(time);
  if (recipe.length !== undefined && recipe.length > length) {
    throw new UserError(`is ${recipe.length}, input '${input.name}' takes ${length} samples`, {
      file,
      where: 'max_length',
      mend: `set it to ${length}`,
    });
  }
  const whole = { ...recipe, length, pad: true };
  return { layout, recipe: whole, features: await featuresOf(whole) };
}

function chooseLayout(
  input: InputSpec,
  recipe: AudioRecipe,
  sizes: Record<string, number | undefined>,
  file: string,
): Layout {
  const usual: readonly Layout[] = LAYOUTS[recipe.logMel ? 'log-mel' : 'waveform'];
  const wanted = recipe.layout ? [recipe.layout, ...usual] : usual;
  const found = (recipe.layout ? wanted.slice(0, 1) : wanted).find((layout) => fits(input, layout, sizes));
  if (found) return found;
  const shape = (layout: string) => [...layout].map((axis) => sizes[axis] ?? axis).join(', ');
  throw new UserError(`gives [${shape(wanted[0]!)}], input '${input.name}' takes [${input.dims.join(', ')}]`, {
    file,
    mend: 'make the features fit the model: rate, length, number of mel filters, layout',
  });
}

/** Sizes agree; where the model fixes one of time and mel filters only, it is the filters. */
function fits({ dims }: InputSpec, layout: Layout, sizes: Record<string, number | undefined>): boolean {
  if (dims.length !== layout.length) return false;
  const fixed = (axis: string) => typeof dims[layout.indexOf(axis)] === 'number';
  if (layout.includes('F') && fixed('T') && !fixed('F')) return false;
  return dims.every((dim, at) => at === 0 || typeof dim !== 'number' || dim === (sizes[layout[at]!] ?? dim));
}

function audioOf(sample: RawSample): RawAudio {
  if (sample.kind === 'audio') return sample;
  throw new UserError(`holds ${sample.kind}, not audio`);
}

function atRate({ samples, sampleRate: from }: RawAudio, sampleRate: number): RawAudio {
  if (samples.length === 0) throw new UserError('holds no samples', { mend: 'leave it out' });
  return { kind: 'audio', samples: resample(samples, from, sampleRate), sampleRate };
}

function padClip(clip: Float32Array, { length, pad, side, padValue }: AudioRecipe): Float32Array {
  if (!pad || length === undefined || clip.length >= length) return clip;
  const whole = new Float32Array(length).fill(padValue);
  whole.set(clip, side === 'left' ? length - clip.length : 0);
  return whole;
}

async function featuresOf(recipe: AudioRecipe): Promise<Features> {
  return recipe.logMel ? logMelFeatures(recipe, recipe.logMel) : waveformFeatures(recipe);
}

/** Waveforms; their statistics leave out what is padded, so that a clip is the same in every batch. */
function waveformFeatures(recipe: AudioRecipe): Features {
  return {
    width: 1,
    steps: (samples) => samples,
    samples: (steps) => steps,
    compute: (clip) => ({ values: padClip(recipe.normalize ? standardize(clip) : clip, recipe), real: clip.length }),
    silence: recipe.padValue,
    description: [
      'waveform',
      recipe.normalize && 'zero mean, unit variance',
      recipe.length && `${recipe.length} samples`,
    ]
      .filter(Boolean)
      .join(', '),
  };
}

/** Zero mean and unit variance (`Wav2Vec2FeatureExtractor` of Hugging Face). */
function standardize(clip: Float32Array): Float32Array {
  let sum = 0;
  for (let at = 0; at < clip.length; at++) sum += clip[at]!;
  const mean = sum / clip.length;
  let squares = 0;
  for (let at = 0; at < clip.length; at++) squares += (clip[at]! - mean) ** 2;
  const scale = 1 / Math.sqrt(squares / clip.length + 1e-7);
  const standard = new Float32Array(clip.length);
  for (let at = 0; at < clip.length; at++) standard[at] = (clip[at]! - mean) * scale;
  return standard;
}

async function logMelFeatures(
  recipe: AudioRecipe,
  { settings, dropLast, range, mean, std, frames }: NonNullable<AudioRecipe['logMel']>,
): Promise<Features> {
  const logMel = await createLogMel(settings);
  const { nMels, hopLength } = settings;
  const steps = (samples: number) => Math.max(0, logMel.frames(samples) - (dropLast ? 1 : 0));
  const samples = (wanted: number) => logMel.samples(wanted + (dropLast ? 1 : 0));
  return {
    width: nMels,
    steps,
    samples,
    compute(clip) {
      const whole = padClip(clip, recipe);
      const count = steps(whole.length);
      if (count === 0)
        throw new UserError(`is too short: ${whole.length} samples, one frame takes ${samples(1)}`, {
          mend: 'leave it out',
        });
      const raw = logMel.compute(whole).subarray(0, count * nMels);
      const values = frames === undefined || count === frames ? raw : new Float32Array(frames * nMels);
      if (values !== raw) values.set(raw.subarray(0, values.length));
      const least = range === null ? Number.NEGATIVE_INFINITY : values.reduce((a, b) => Math.max(a, b)) - range;
      for (let i = 0; i < values.length; i++) values[i] = (Math.max(values[i]!, least) - mean) / std;
      const real = Math.max(1, steps(clip.length));
      return { values, real: Math.min(real, values.length / nMels) };
    },
    silence: (logMel.silence - mean) / std,
    description: `log-mel ${nMels} × ${settings.frameLength}/${hopLength} samples`,
  };
}

/** Values with time first, in the order of the layout's axes, without batch axis. */
function arrange(
  values: Float32Array,
  steps: number,
  width: number,
  layout: Layout,
  type: DataType,
): NamedValues[string] {
  const sizes: Record<string, number> = { C: 1, T: steps, F: width };
  const dims = [...layout].slice(1).map((axis) => sizes[axis]!);
  const turned = layout.includes('F') && layout.indexOf('F') < layout.indexOf('T');
  const ordered = turned ? transpose(values, steps, width) : values;
  return { type, dims, data: type === 'float32' ? ordered : encodeNumbers(type, ordered) };
}

function transpose(values: Float32Array, rows: number, columns: number): Float32Array {
  const turned = new Float32Array(values.length);
  for (let row = 0; row < rows; row++) {
    for (let column = 0; column < columns; column++) turned[column * rows + row] = values[row * columns + column]!;
  }
  return turned;
}

function maskOf(type: DataType, steps: number, real: number, side: 'left' | 'right'): NamedValues[string] {
  const mask = new Uint8Array(steps);
  mask.fill(1, side === 'left' ? steps - real : 0, side === 'left' ? steps : real);
  return { type, dims: [steps], data: encodeNumbers(type, mask) };
}
