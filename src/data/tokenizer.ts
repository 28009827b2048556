import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import type { Encoding as LibraryEncoding, Tokenizer, TruncationStrategy } from 'tokenizers';
import { messageOf, UserError } from '../errors.js';
import type { JsonFile } from './beside.js';
import { readText } from './files.js';

export type { Tokenizer } from 'tokenizers';

/** What tokenizer.json says on cutting (the library's `TruncationParams`). */
export interface Truncation {
  max_length: number;
  direction?: 'Left' | 'Right';
  strategy?: 'LongestFirst' | 'OnlyFirst' | 'OnlySecond';
}

/** Token ids, special tokens included, and the segment each belongs to. */
export interface Encoding {
  ids: readonly number[];
  types: readonly number[];
}

/**
 * Tokenizes a text or a pair, away from the main thread.
 * @throws UserError where the text cannot be tokenized or cut
 */
export type Encode = (text: string, pair?: string) => Promise<Encoding>;

const ARRAYS = 'give token ids as arrays in an NPZ file';

/**
 * Loads a tokenizer.json.
 * @throws UserError where the file is no tokenizer, tokenizes at random, or the library lacks a build for this platform
 */
export async function loadTokenizer(file: JsonFile): Promise<Tokenizer> {
  const library = await loadLibrary();
  if ((file.value.model as { dropout?: number } | undefined)?.dropout) {
    throw new UserError('splits words at random (dropout), so that results would differ from run to run', {
      file: file.path,
      where: 'model.dropout',
      mend: 'set it to null',
    });
  }
  try {
    await probe(file.path);
    return library.Tokenizer.fromString(await readText(file.path));
  } catch (error) {
    const mend = `save it anew with a current version of tokenizers, or ${ARRAYS}`;
    throw new UserError(`is no tokenizer: ${messageOf(error)}`, { file: file.path, mend });
  }
}

async function loadLibrary(): Promise<typeof import('tokenizers')> {
  try {
    return await import('tokenizers');
  } catch (error) {
    throw new UserError(`does not load on ${process.platform} ${process.arch}: ${messageOf(error)}`, {
      file: 'tokenizers',
      mend: `install anew, on Linux, macOS or Windows on x64 or arm64, or ${ARRAYS}`,
    });
  }
}

/**
 * Loads and tries a tokenizer.json in a process of its own: at some broken files the library ends its process instead
 * of throwing.
 */
async function probe(path: string): Promise<void> {
  const script = fileURLToPath(new URL('./tokenizer-probe.js', import.meta.url));
  const env = { ...process.env, RUST_BACKTRACE: '0' };
  await new Promise<void>((pass, fail) => {
    execFile(process.execPath, [script, path], { env }, (error, _, stderr) => {
      if (!error) return pass();
      const [, panic] = /panicked at .*\n(.+)/.exec(stderr) ?? [];
      fail(new Error(panic ?? (stderr || error.message)));
    });
  });
}

/**
 * Sets how a tokenizer cuts, for all its uses, and that it does not pad: a batch is padded when it is complete.
 * @param truncation undefined leaves texts whole
 */
export async function createEncoder(tokenizer: Tokenizer, truncation: Truncation | undefined): Promise<Encode> {
  tokenizer.disablePadding();
  tokenizer.disableTruncation();
  const specials = { single: await specialTokens(tokenizer), pair: await specialTokens(tokenizer, '') };
  if (truncation) {
    const { max_length: length, direction = 'Right', strategy = 'LongestFirst' } = truncation;
    tokenizer.setTruncation(length, {
      direction: direction.toLowerCase(),
      strategy: strategy as TruncationStrategy,
    });
  }
  return async (text, pair) => {
    const added = pair === undefined ? specials.single : specials.pair;
    if (truncation && truncation.max_length < added) {
      throw new UserError(`${truncation.max_length} tokens have no room for ${added} special tokens`);
    }
    const encoding = await encode(tokenizer, text, pair);
    return { ids: encoding.getIds(), types: encoding.getTypeIds() };
  };
}

async function encode(tokenizer: Tokenizer, text: string, pair: string | undefined): Promise<LibraryEncoding> {
  try {
    return await tokenizer.encode(text, pair);
  } catch (error) {
    throw new UserError(`cannot be tokenized: ${messageOf(error)}`, { mend: 'check tokenizer.json or leave it out' });
  }
}

/** Special tokens that are added to a text or a pair. */
async function specialTokens(tokenizer: Tokenizer, pair?: string): Promise<number> {
  const [whole, bare] = await Promise.all([
    tokenizer.encode('', pair),
    tokenizer.encode('', pair, { addSpecialTokens: false }),
  ]);
  return whole.getLength() - bare.getLength();
}
