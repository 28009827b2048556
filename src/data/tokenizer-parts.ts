import { charsmapNormalizer } from './charsmap.js';

/** A component of a tokenizer.json: its `type` and settings. */
export interface Component {
  type: string;
  [setting: string]: unknown;
}

/** Pre-tokens of one piece of text; `first` is true where the piece begins the input. */
type PreTokenizer = (text: string, first: boolean) => string[];
type Normalizer = (text: string) => string;
type Behavior = 'Removed' | 'Isolated' | 'Contiguous' | 'MergedWithPrevious' | 'MergedWithNext';

/** What is used of @huggingface/tokenizers, whose own declarations do not resolve in ES modules. */
export interface Library {
  Tokenizer: new (json: object, config: object) => { model: LibraryModel };
  SplitPreTokenizer: new (config: object) => { pattern: RegExp };
  ByteLevelPreTokenizer: new (config: object) => { pre_tokenize_text(text: string): string[] };
}

/** A model of the library: turns pre-tokens into tokens. */
export interface LibraryModel {
  (pieces: readonly string[]): string[];
  tokens_to_ids: ReadonlyMap<string, number>;
  unk_token_id?: number;
}

const WORD = '\\p{Alphabetic}\\p{M}\\p{Nd}\\p{Pc}\\p{Join_Control}';
const PUNCTUATION = '[\\p{P}\\u0021-\\u002f\\u003a-\\u0040\\u005b-\\u0060\\u007b-\\u007e]';
const SPACE = /\p{White_Space}/gu;
const CJK =
  /[\u4e00-\u9fff\u3400-\u4dbf\u{20000}-\u{2a6df}\u{2a700}-\u{2b73f}\u{2b740}-\u{2b81f}\u{2b920}-\u{2ceaf}\uf900-\ufaff\u{2f800}-\u{2fa1f}]/gu;
const GPT2 =
  /'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\p{White_Space}\p{L}\p{N}]+|\p{White_Space}+(?!\P{White_Space})|\p{White_Space}+/gu;

/** Cuts a text at the matches of a pattern and joins the pieces as Rust's `SplitDelimiterBehavior` says. */
function cut(text: string, pattern: RegExp, behavior: Behavior, invert = false): string[] {
  const pieces: { text: string; match: boolean }[] = [];
  let end = 0;
  for (const match of text.matchAll(pattern)) {
    if (match.index > end) pieces.push({ text: text.slice(end, match.index), match: invert });
    if (match[0] !== '') pieces.push({ text: match[0], match: !invert });
    end = match.index + match[0].length;
  }
  if (end < text.length) pieces.push({ text: text.slice(end), match: invert });
  return JOINERS[behavior](pieces).filter((piece) => piece !== '');
}

type Piece = { text: string; match: boolean };

/** Joins neighbours for which `join` holds. */
function joinWhere(pieces: readonly Piece[], join: (left: Piece, right: Piece) => boolean): string[] {
  const joined: string[] = [];
  for (const [at, piece] of pieces.entries()) {
    if (at > 0 && join(pieces[at - 1]!, piece)) joined[joined.length - 1] += piece.text;
    else joined.push(piece.text);
  }
  return joined;
}

const JOINERS: Record<Behavior, (pieces: readonly Piece[]) => string[]> = {
  Removed: (pieces) => pieces.flatMap((piece) => (piece.match ? [] : piece.text)),
  Isolated: (pieces) => pieces.map((piece) => piece.text),
  Contiguous: (pieces) => joinWhere(pieces, (left, right) => left.match === right.match),
  MergedWithPrevious: (pieces) => joinWhere(pieces, (left, right) => right.match && !left.match),
  MergedWithNext: (pieces) => joinWhere(pieces, (left, right) => left.match && !right.match),
};

const escaped = (text: string) => text.replace(/[\\^$.*+?()[\]{}|/-]/g, '\\$&');

/** The pattern of a component; regular expressions are translated from Oniguruma's syntax by the library. */
function patternOf(library: Library, component: Component): RegExp {
  const pattern = component.pattern as { String?: string; Regex?: string };
  if (pattern.String !== undefined) return new RegExp(escaped(pattern.String), 'gu');
  return new library.SplitPreTokenizer(component).pattern;
}

/**
 * Pre-tokenizers by type, after Rust's `tokenizers`. The library's own differ from it: ASCII `\w` and `\d`, punctuation
 * that is not isolated, delimiters that are not merged.
 */
const PRE_TOKENIZERS: Record<string, (component: Component, library: Library) => PreTokenizer> = {
  Sequence(component, library) {
    const steps = (component.pretokenizers as Component[]).map((step) => preTokenizer(step, library));
    return (text, first) => {
      let pieces = [text];
      let begins = first;
      for (const step of steps) {
        const [before = ''] = pieces;
        pieces = pieces.flatMap((piece, at) => step(piece, begins && at === 0));
        begins &&= before.startsWith(pieces[0] ?? '');
      }
      return pieces;
    };
  },
  Whitespace: () => (text) => cut(text, new RegExp(`[${WORD}]+|[^${WORD}\\p{White_Space}]+`, 'gu'), 'Removed', true),
  WhitespaceSplit: () => (text) => cut(text, SPACE, 'Removed'),
  BertPreTokenizer: () => (text) =>
    cut(text, SPACE, 'Removed').flatMap((word) => cut(word, new RegExp(PUNCTUATION, 'gu'), 'Isolated')),
  Punctuation: (component) => (text) =>
    cut(text, new RegExp(PUNCTUATION, 'gu'), (component.behavior as Behavior) ?? 'Isolated'),
  Digits: (component) => (text) => cut(text, /\p{N}/gu, component.individual_digits ? 'Isolated' : 'Contiguous'),
  CharDelimiterSplit: (component) => (text) =>
    cut(text, new RegExp(escaped(component.delimiter as string), 'gu'), 'Removed'),
  Split(component, library) {
    const pattern = patternOf(library, component);
    return (text) => cut(text, pattern, component.behavior as Behavior, component.invert === true);
  },
  FixedLength: (component) => (text) => text.match(new RegExp(`[^]{1,${component.length}}`, 'gu')) ?? [],
  Metaspace(component) {
    const mark = (component.replacement as string) ?? '▁';
    const scheme = component.prepend_scheme ?? (component.add_prefix_space === false ? 'never' : 'always');
    const marks = new RegExp(escaped(mark), 'gu');
    return (text, first) => {
      const marked = text.replaceAll(' ', mark);
      const prepended = scheme === 'always' || (scheme === 'first' && first);
      const whole = prepended && !marked.startsWith(mark) ? mark + marked : marked;
      return component.split === false ? [whole] : cut(whole, marks, 'MergedWithNext');
    };
  },
  ByteLevel(component, library) {
    const bytes = new library.ByteLevelPreTokenizer({ type: 'ByteLevel', use_regex: false });
    return (text) => {
      const whole = component.add_prefix_space && !text.startsWith(' ') ? ` ${text}` : text;
      const pieces = component.use_regex === false ? [whole] : cut(whole, GPT2, 'Isolated');
      return pieces.flatMap((piece) => bytes.pre_tokenize_text(piece));
    };
  },
};

/** BERT's normalizer, in the order of the Rust crate: clean, space out CJK, strip accents, lower case. */
function bertNormalizer(component: Component): Normalizer {
  const steps: Normalizer[] = [];
  if (component.clean_text) {
    steps.push((text) => text.replace(/\0|\ufffd|(?![\t\n\r])[\p{Cc}\p{Cf}\p{Co}]/gu, '').replace(SPACE, ' '));
  }
  if (component.handle_chinese_chars) steps.push((text) => text.replace(CJK, ' $& '));
  if (component.strip_accents ?? component.lowercase) {
    steps.push((text) => text.normalize('NFD').replace(/\p{Mn}/gu, ''));
  }
  if (component.lowercase) steps.push(lowercase);
  return (text) => steps.reduce((result, step) => step(result), text);
}

/** Lower case letter by letter: without JavaScript's special form of a final sigma. */
function lowercase(text: string): string {
  return text.includes('Σ') ? text.replaceAll('Σ', 'σ').toLowerCase() : text.toLowerCase();
}

/** Normalizers by type, after Rust's `tokenizers`, from which the library's differ. */
const NORMALIZERS: Record<string, (component: Component, library: Library) => Normalizer> = {
  Sequence(component, library) {
    const steps = (component.normalizers as Component[]).map((step) => normalizer(step, library));
    return (text) => steps.reduce((result, step) => step(result), text);
  },
  BertNormalizer: bertNormalizer,
  Lowercase: () => lowercase,
  Strip: (component) => (text) => {
    const left = component.strip_left ? text.replace(/^\p{White_Space}+/u, '') : text;
    return component.strip_right ? left.replace(/\p{White_Space}+$/u, '') : left;
  },
  Replace(component, library) {
    const pattern = patternOf(library, { ...component, behavior: 'Isolated' });
    return (text) => text.replace(pattern, () => component.content as string);
  },
  Prepend: (component) => (text) => (text === '' ? '' : `${component.prepend}${text}`),
  NFC: () => (text) => text.normalize('NFC'),
  NFD: () => (text) => text.normalize('NFD'),
  NFKC: () => (text) => text.normalize('NFKC'),
  NFKD: () => (text) => text.normalize('NFKD'),
  StripAccents: () => (text) => text.replace(/\p{M}/gu, ''),
  Precompiled: (component) => charsmapNormalizer(component.precompiled_charsmap as string),
};

/** A component that this program cannot reproduce. */
export class UnsupportedComponent extends Error {}

function partOf<T>(table: Record<string, T>, component: Component, field: string): T {
  const part = Object.hasOwn(table, component.type) ? table[component.type] : undefined;
  if (part) return part;
  throw new UnsupportedComponent(`${field} '${component.type}' is not supported`);
}

/** @throws UnsupportedComponent */
export function normalizer(component: Component | null | undefined, library: Library): Normalizer {
  return component ? partOf(NORMALIZERS, component, 'normalizer')(component, library) : (text) => text;
}

/** @throws UnsupportedComponent */
export function preTokenizer(component: Component | null | undefined, library: Library): PreTokenizer {
  return component ? partOf(PRE_TOKENIZERS, component, 'pre_tokenizer')(component, library) : (text) => [text];
}
