import { UserError } from '../errors.js';
import { type JsonFile, readJsonBeside } from './beside.js';
import type { Tokenizer, Truncation } from './tokenizer.js';

/** How texts are tokenized, where the files beside the model do not say it or to overrule them. */
export interface TextOptions {
  /** Tokens that a text is cut to, special tokens included. */
  maxLength?: number | undefined;
  /** Pads to the longest text of a batch (the default) or always to the greatest length. */
  padding?: 'longest' | 'max' | undefined;
}

/** How encodings of a batch are cut and brought to one length. */
export interface TokenSettings {
  truncation: Truncation | undefined;
  padId: number;
  padType: number;
  side: 'left' | 'right';
  /** Length that is always padded to; undefined pads to the longest of the batch. */
  length: number | undefined;
  multiple: number | undefined;
}

/** The parts of a tokenizer.json on cutting and padding (Rust's `TruncationParams`, `PaddingParams`). */
interface Params {
  truncation?: Truncation | null;
  padding?: {
    strategy?: 'BatchLongest' | { Fixed: number };
    direction?: 'Left' | 'Right';
    pad_to_multiple_of?: number | null;
    pad_id?: number;
    pad_type_id?: number;
  } | null;
}

/** Lengths above this in `model_max_length` mean that there is no limit. */
const NO_LIMIT = 1_000_000;

/**
 * Brings together what tokenizer.json, tokenizer_config.json, special_tokens_map.json and config.json say on length and
 * padding. The model's own length comes first, then options, then the files in this order.
 * @param fixed tokens that the model's input takes, where it takes just so many
 * @param needsPadToken false where a mask hides the padding, so that any id serves
 * @throws UserError where lengths contradict, or no file names the padding token
 */
export async function tokenSettings(
  modelDir: string,
  file: JsonFile,
  tokenizer: Tokenizer,
  options: TextOptions,
  fixed: number | undefined,
  needsPadToken: boolean,
): Promise<TokenSettings> {
  const { truncation, padding } = file.value as Params;
  const config = (await readJsonBeside(modelDir, 'tokenizer_config.json'))?.value ?? {};
  const limit = fixed ?? options.maxLength ?? truncation?.max_length ?? lengthIn(config);
  if (fixed !== undefined && options.maxLength !== undefined && options.maxLength > fixed) {
    throw new UserError(`${options.maxLength} tokens are more than the ${fixed} that the model takes`, {
      file: '--max-length',
      mend: `give at most ${fixed}`,
    });
  }
  const whole = typeof padding?.strategy === 'object' ? padding.strategy.Fixed : undefined;
  const padsToMax = options.padding === 'max';
  if (padsToMax && limit === undefined) {
    throw new UserError('nothing says how many tokens to pad to', { file: '--padding', mend: 'give --max-length too' });
  }
  const padId = padding?.pad_id ?? (await namedTokenId(modelDir, 'pad_token', tokenizer));
  if (padId === undefined && needsPadToken) {
    throw new UserError('names no padding token', { file: file.path, mend: 'set pad_token in tokenizer_config.json' });
  }
  return {
    truncation:
      limit === undefined ? undefined : { ...sideIn(config), ...truncation, max_length: tighter(limit, options) },
    padId: padId ?? 0,
    padType: padding?.pad_type_id ?? 0,
    side: (padding?.direction?.toLowerCase() ?? config.padding_side) === 'left' ? 'left' : 'right',
    length: fixed ?? (padsToMax ? limit : options.padding === 'longest' ? undefined : whole),
    multiple: padding?.pad_to_multiple_of ?? undefined,
  };
}

/** Options may cut texts shorter than the model's fixed length. */
function tighter(limit: number, { maxLength }: TextOptions): number {
  return Math.min(limit, maxLength ?? limit);
}

function lengthIn(config: Record<string, unknown>): number | undefined {
  const length = config.model_max_length;
  return typeof length === 'number' && length > 0 && length < NO_LIMIT ? length : undefined;
}

function sideIn(config: Record<string, unknown>): Pick<Truncation, 'direction'> {
  return { direction: config.truncation_side === 'left' ? 'Left' : 'Right' };
}

/** The id of a token with a role: from its name in tokenizer_config.json or special_tokens_map.json, else from config.json. */
export async function namedTokenId(
  modelDir: string,
  role: 'pad_token' | 'mask_token' | 'unk_token',
  tokenizer: Tokenizer,
): Promise<number | undefined> {
  const files = ['tokenizer_config.json', 'special_tokens_map.json', 'config.json'];
  const [config, map, model] = await Promise.all(files.map((name) => readJsonBeside(modelDir, name)));
  const named = config?.value[role] ?? map?.value[role];
  const token = typeof named === 'object' && named !== null ? (named as { content?: unknown }).content : named;
  if (typeof token === 'string') return tokenizer.tokenToId(token) ?? undefined;
  const id = model?.value[`${role}_id`];
  return typeof id === 'number' ? id : undefined;
}
