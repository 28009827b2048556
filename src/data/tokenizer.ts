import { messageOf, UserError } from '../errors.js';
import { type AddedToken, addedTokenSplitter } from './added-tokens.js';
import type { JsonFile } from './beside.js';
import { type Encoding, type PostProcessor, postProcessor } from './token-template.js';
import { type Component, type Library, normalizer, preTokenizer, UnsupportedComponent } from './tokenizer-parts.js';

/** What tokenizer.json says on cutting. */
export interface Truncation {
  max_length: number;
  direction?: 'Left' | 'Right';
  strategy?: 'LongestFirst' | 'OnlyFirst' | 'OnlySecond';
}

/** A tokenizer as Rust's `tokenizers` would run it. */
export interface Tokenizer {
  /** Ids and types of a text or a pair, special tokens included, cut as `truncation` says. */
  encode(text: string, pair: string | undefined, truncation: Truncation | undefined): Encoding;
  /** Id of a token, or undefined. */
  idOf(token: string): number | undefined;
}

/** What tokenizer.json holds. */
interface TokenizerFile {
  model: Component & { vocab: Record<string, number>; unk_token?: string };
  added_tokens?: AddedToken[];
  normalizer?: Component | null;
  pre_tokenizer?: Component | null;
  post_processor?: Component | null;
}

/**
 * Loads a tokenizer.json: models and patterns from the library, the rest after the Rust crate, whose ids it
 * must give.
 * @throws UserError where the file is malformed or has a component that is not supported
 */
export async function loadTokenizer(file: JsonFile): Promise<Tokenizer> {
  const json = file.value as unknown as TokenizerFile;
  try {
    return await assemble(json);
  } catch (error) {
    const what = error instanceof UnsupportedComponent ? error.message : `is no tokenizer: ${messageOf(error)}`;
    throw new UserError(what, {
      file: file.path,
      mend: 'save it anew with a current version of tokenizers, or give token ids as arrays in an NPZ file',
    });
  }
}

async function assemble(json: TokenizerFile): Promise<Tokenizer> {
  const library = (await import('@huggingface/tokenizers')) as unknown as Library;
  const { added_tokens: added = [] } = json;
  const normalize = normalizer(json.normalizer, library);
  const split = preTokenizer(json.pre_tokenizer, library);
  const { toIds, idOf } = modelOf(json, library);
  const raw = addedTokenSplitter(
    added.filter((token) => !token.normalized),
    (token) => token.content,
  );
  const cooked = addedTokenSplitter(
    added.filter((token) => token.normalized),
    (token) => normalize(token.content),
  );
  const idsOf = (text: string) =>
    raw(text).flatMap((section) => {
      if ('token' in section) return section.token.id;
      const normal = normalize(section.text);
      const begins = section.start === 0 && !losesStart(section.text, normal);
      return cooked(normal).flatMap((part) =>
        'token' in part ? part.token.id : toIds(split(part.text, begins && part.start === 0)),
      );
    });
  const post: PostProcessor = postProcessor(json.post_processor);
  return {
    encode: (text, pair, truncation) => post(idsOf(text), pair === undefined ? undefined : idsOf(pair), truncation),
    idOf: (token) => added.find(({ content }) => content === token)?.id ?? idOf(token),
  };
}

/** True where a normalizer took white space off the start: what follows does not begin the text. */
function losesStart(text: string, normal: string): boolean {
  return /^\p{White_Space}/u.test(text) && !/^[\p{White_Space}▁]/u.test(normal);
}

/** Ids of pre-tokens, and of one token. */
interface Model {
  toIds(pieces: readonly string[]): number[];
  idOf(token: string): number | undefined;
}

function modelOf(json: TokenizerFile, library: Library): Model {
  const { model } = json;
  if (model.type === 'WordLevel') return wordLevel(model.vocab, model.unk_token);
  for (const setting of ['continuing_subword_prefix', 'dropout']) {
    if (model.type === 'BPE' && model[setting]) throw new UnsupportedComponent(`BPE with ${setting} is not supported`);
  }
  const bare = {
    ...json,
    added_tokens: [],
    normalizer: null,
    pre_tokenizer: null,
    post_processor: null,
    decoder: null,
  };
  const engine = new library.Tokenizer(bare, {}).model;
  const ids = engine.tokens_to_ids;
  const suffix = model.end_of_word_suffix ?? '';
  const isKnown = (letter: string) => ids.has(letter) || ids.has(`${letter}${suffix}`);
  const dropsUnknown = model.type === 'BPE' && model.unk_token == null && !model.byte_fallback;
  const known = (piece: string) => (dropsUnknown ? [...piece].filter(isKnown).join('') : piece);
  return {
    // one piece at a time: the library would fuse unknown tokens across pieces
    toIds: (pieces) =>
      pieces.flatMap((piece) => engine([known(piece)])).flatMap((token) => ids.get(token) ?? engine.unk_token_id ?? []),
    idOf: (token) => ids.get(token),
  };
}

function wordLevel(vocab: Record<string, number>, unknown = '[UNK]'): Model {
  const ids = new Map(Object.entries(vocab));
  const unknownId = ids.get(unknown);
  return {
    toIds: (words) => words.flatMap((word) => ids.get(word) ?? unknownId ?? []),
    idOf: (token) => ids.get(token),
  };
}
