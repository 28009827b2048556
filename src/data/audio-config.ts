import { z } from 'zod';
import { UserError } from '../errors.js';
import type { JsonFile } from './beside.js';
import { LOG_NAMES, type LogMelSettings, WINDOW_NAMES } from './log-mel.js';
import { MEL_SCALES } from './mel-scale.js';

/** Axes of an input: N batch, C one channel, T time (samples or frames), F mel filters. */
export type Layout = 'NT' | 'NCT' | 'NTC' | 'NTF' | 'NFT' | 'NCTF' | 'NCFT' | 'NTFC' | 'NFTC';

/** Layouts of raw waveforms and of features, the usual ones first. */
export const LAYOUTS = {
  waveform: ['NT', 'NCT', 'NTC'],
  'log-mel': ['NTF', 'NFT', 'NCTF', 'NCFT', 'NTFC', 'NFTC'],
} as const satisfies Record<string, readonly Layout[]>;

/** What is done with log-mel values. */
export interface LogMelRecipe {
  settings: LogMelSettings;
  /** Leaves out the last frame, which a centred transform has too many (Whisper). */
  dropLast: boolean;
  /** Raises values to this much below the clip's largest (Whisper); null leaves them. */
  range: number | null;
  /** Values become (x − mean) / std. */
  mean: number;
  std: number;
  /** Frames that features are cut or padded to with zeros before mean and std (AST); undefined leaves them. */
  frames: number | undefined;
}

/** How a clip becomes a model's input. */
export interface AudioRecipe {
  sampleRate: number;
  /** Samples that clips are cut to and, with `pad`, brought to; undefined leaves them. */
  length: number | undefined;
  /** False leaves shorter clips as they are, to be padded to the longest of the batch. */
  pad: boolean;
  side: 'left' | 'right';
  padValue: number;
  /** Waveforms get zero mean and unit variance over their own samples. */
  normalize: boolean;
  logMel: LogMelRecipe | undefined;
  layout: Layout | undefined;
}

/** Fields of a preprocessor_config.json. */
type Fields = Record<string, unknown>;

const count = z.int().positive();
const rate = z.int().min(100).max(768_000);

const common = {
  sampling_rate: rate,
  padding: z.union([z.boolean(), z.enum(['longest', 'max_length', 'do_not_pad'])]).default('longest'),
  max_length: count.nullish(),
  truncation: z.boolean().default(true),
  padding_side: z.enum(['left', 'right']).default('right'),
  padding_value: z.number().default(0),
};

const wav2vec2 = z.object({
  ...common,
  feature_size: z.literal(1).default(1),
  do_normalize: z.boolean().default(true),
  layout: z.enum(LAYOUTS.waveform).optional(),
});

const logMel = z.object({
  ...common,
  frame_length: count.nullish(),
  win_length: count.nullish(),
  hop_length: count,
  n_fft: count,
  fft_padding: z.enum(['right', 'both', 'center']).default('right'),
  center: z.boolean().default(false),
  pad_mode: z.enum(['reflect', 'constant']).default('reflect'),
  window: z.enum(WINDOW_NAMES).default('hann'),
  window_periodic: z.boolean().default(true),
  preemphasis: z.number().min(0).max(1).nullish(),
  remove_dc_offset: z.boolean().default(false),
  dither: z.literal(0).default(0),
  power: z.union([z.literal(1), z.literal(2)]).default(2),
  num_mel_bins: count,
  mel_scale: z.enum(MEL_SCALES).default('htk'),
  mel_norm: z.literal('slaney').nullish(),
  triangularize_in_mel_space: z.boolean().default(false),
  min_frequency: z.number().min(0).default(0),
  max_frequency: z.number().positive().nullish(),
  log_mel: z.enum(LOG_NAMES).default('log'),
  mel_floor: z.number().positive().default(1e-10),
  do_normalize: z.boolean().default(false),
  mean: z.number().default(0),
  std: z.number().positive().default(1),
  normalization: z.literal('(log_mel - mean) / std').optional(),
  layout: z.enum(LAYOUTS['log-mel']).optional(),
});

const whisper = z.object({
  feature_size: count.default(80),
  sampling_rate: rate.default(16000),
  hop_length: count.default(160),
  chunk_length: z.number().positive().default(30),
  n_fft: count.default(400),
  padding_value: z.number().default(0),
  dither: z.literal(0).default(0),
  do_normalize: z.literal(false).default(false),
});

const ast = z.object({
  feature_size: z.literal(1).default(1),
  sampling_rate: rate.default(16000),
  num_mel_bins: count.default(128),
  max_length: count.default(1024),
  do_normalize: z.boolean().default(true),
  mean: z.number().default(-4.2677393),
  std: z.number().positive().default(4.5689974),
});

function clipOf(config: z.infer<z.ZodObject<typeof common>>): Omit<AudioRecipe, 'normalize' | 'logMel' | 'layout'> {
  return {
    sampleRate: config.sampling_rate,
    length: (config.truncation || config.padding === 'max_length' ? config.max_length : undefined) ?? undefined,
    pad: config.padding === 'max_length',
    side: config.padding_side,
    padValue: config.padding_value,
  };
}

function fromWav2Vec2(file: string, value: Fields): AudioRecipe {
  const config = check(wav2vec2, file, value);
  return { ...clipOf(config), normalize: config.do_normalize, logMel: undefined, layout: config.layout };
}

function fromLogMel(file: string, value: Fields): AudioRecipe {
  const config = check(logMel, file, value);
  const frameLength = config.frame_length ?? config.n_fft;
  const winLength = config.win_length ?? frameLength;
  const fMax = config.max_frequency ?? config.sampling_rate / 2;
  refuse(frameLength > config.n_fft, file, 'frame_length', `is longer than the ${config.n_fft} points of n_fft`);
  refuse(winLength > frameLength, file, 'win_length', `is longer than the frame of ${frameLength} samples`);
  refuse(fMax > config.sampling_rate / 2, file, 'max_frequency', 'is above half the sampling rate');
  refuse(config.min_frequency >= fMax, file, 'min_frequency', `is not below ${fMax} Hz`);
  const settings: LogMelSettings = {
    sampleRate: config.sampling_rate,
    nFft: config.n_fft,
    nMels: config.num_mel_bins,
    fMin: config.min_frequency,
    fMax,
    scale: config.mel_scale,
    norm: config.mel_norm ?? null,
    straightInMel: config.triangularize_in_mel_space,
    frameLength,
    winLength,
    hopLength: config.hop_length,
    window: config.window,
    periodic: config.window_periodic,
    center: config.center,
    padMode: config.pad_mode,
    preemphasis: config.preemphasis ?? 0,
    removeDcOffset: config.remove_dc_offset,
    power: config.power,
    log: config.log_mel,
    floor: config.mel_floor,
  };
  const { mean, std } = config.do_normalize ? config : { mean: 0, std: 1 };
  const recipe = { settings, dropLast: false, range: null, mean, std, frames: undefined };
  return { ...clipOf(config), normalize: false, logMel: recipe, layout: config.layout };
}

/** Radford et al. 2022, as `WhisperFeatureExtractor` of Hugging Face computes it. */
function fromWhisper(file: string, value: Fields): AudioRecipe {
  const config = check(whisper, file, value);
  const recipe = fromLogMel(file, {
    sampling_rate: config.sampling_rate,
    padding: 'max_length',
    max_length: Math.round(config.chunk_length * config.sampling_rate),
    padding_value: config.padding_value,
    n_fft: config.n_fft,
    hop_length: config.hop_length,
    center: true,
    num_mel_bins: config.feature_size,
    mel_scale: 'slaney',
    mel_norm: 'slaney',
    max_frequency: Math.min(8000, config.sampling_rate / 2),
    log_mel: 'log10',
    do_normalize: true,
    mean: -4,
    std: 4,
    layout: 'NFT',
  });
  return { ...recipe, logMel: { ...recipe.logMel!, dropLast: true, range: 8 } };
}

/** Gong et al. 2021: Kaldi's filter banks, as `ASTFeatureExtractor` of Hugging Face computes them. */
function fromAst(file: string, value: Fields): AudioRecipe {
  const config = check(ast, file, value);
  const frame = Math.round(config.sampling_rate * 0.025);
  const recipe = fromLogMel(file, {
    sampling_rate: config.sampling_rate,
    frame_length: frame,
    hop_length: Math.round(config.sampling_rate * 0.01),
    n_fft: 2 ** Math.ceil(Math.log2(frame)),
    window_periodic: false,
    preemphasis: 0.97,
    remove_dc_offset: true,
    num_mel_bins: config.num_mel_bins,
    mel_scale: 'kaldi',
    triangularize_in_mel_space: true,
    min_frequency: 20,
    mel_floor: 2 ** -23,
    do_normalize: config.do_normalize,
    mean: config.mean,
    std: 2 * config.std,
    layout: 'NTF',
  });
  return { ...recipe, logMel: { ...recipe.logMel!, frames: config.max_length } };
}

/** Readers of preprocessor_config.json by `feature_extractor_type`, and the fields they know. */
const READERS: Record<string, { schema: z.ZodObject; read(file: string, value: Fields): AudioRecipe }> = {
  Wav2Vec2FeatureExtractor: { schema: wav2vec2, read: fromWav2Vec2 },
  LogMelFeatureExtractor: { schema: logMel, read: fromLogMel },
  WhisperFeatureExtractor: { schema: whisper, read: fromWhisper },
  ASTFeatureExtractor: { schema: ast, read: fromAst },
};

/**
 * The recipe in a preprocessor_config.json: waveforms (`Wav2Vec2FeatureExtractor`) or log-mel features
 * (`LogMelFeatureExtractor`, `WhisperFeatureExtractor`, `ASTFeatureExtractor`).
 * @param overrides fields that options overrule
 * @throws UserError naming the field that is missing, malformed or not supported
 */
export function readAudioConfig({ path, value }: JsonFile, overrides: Fields = {}): AudioRecipe {
  const type = value.feature_extractor_type;
  const reader = typeof type === 'string' && Object.hasOwn(READERS, type) ? READERS[type] : undefined;
  if (!reader) {
    throw new UserError(type === undefined ? 'is missing' : `${JSON.stringify(type)} is not supported`, {
      file: path,
      where: 'feature_extractor_type',
      mend: `give one of ${Object.keys(READERS).join(', ')}`,
    });
  }
  const stray = Object.keys(overrides).find((field) => !(field in reader.schema.shape));
  refuse(stray !== undefined, path, stray ?? '', `cannot be set by options for ${type}`);
  return reader.read(path, { ...value, ...overrides });
}

function check<T extends z.ZodType>(schema: T, file: string, value: Fields): z.infer<T> {
  const result = schema.safeParse(value);
  if (result.success) return result.data;
  const [issue] = result.error.issues;
  throw new UserError(`is not supported: ${issue?.message}`, {
    file,
    where: issue?.path.join('.'),
    mend: 'correct it',
  });
}

function refuse(condition: boolean, file: string, where: string, what: string): void {
  if (condition) throw new UserError(what, { file, where, mend: 'correct it' });
}
