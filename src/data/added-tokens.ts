/** A token that is found in the text as it stands, before the tokenizer's model sees it. */
export interface AddedToken {
  id: number;
  content: string;
  /** Only where no word character touches it. */
  single_word?: boolean;
  /** Takes the white space before or after it along. */
  lstrip?: boolean;
  rstrip?: boolean;
  /** Is looked for in the normalized text. */
  normalized?: boolean;
  special?: boolean;
}

/** A piece of a text: either an added token or plain text. */
export type Section = { token: AddedToken } | { text: string; start: number };

const WORD = /[\p{Alphabetic}\p{M}\p{Nd}\p{Pc}\p{Join_Control}]/u;

/** Cuts texts at added tokens; of those that begin at one place the longest wins (Rust's `AddedVocabulary`). */
export function addedTokenSplitter(
  tokens: readonly AddedToken[],
  contentOf: (token: AddedToken) => string,
): (text: string) => Section[] {
  const byContent = new Map(tokens.map((token) => [contentOf(token), token]));
  byContent.delete('');
  if (byContent.size === 0) return (text) => (text === '' ? [] : [{ text, start: 0 }]);
  const contents = [...byContent.keys()].sort((a, b) => b.length - a.length);
  const pattern = new RegExp(contents.map((text) => text.replace(/[\\^$.*+?()[\]{}|/]/g, '\\$&')).join('|'), 'gu');
  return (text) => {
    const sections: Section[] = [];
    let end = 0;
    const addText = (to: number) => {
      if (to > end) sections.push({ text: text.slice(end, to), start: end });
    };
    for (const match of text.matchAll(pattern)) {
      const token = byContent.get(match[0])!;
      let from = match.index;
      let to = from + match[0].length;
      if (token.single_word && (touchesWord(text.slice(0, from), 'end') || touchesWord(text.slice(to), 'start')))
        continue;
      if (token.lstrip) from -= text.slice(0, from).match(/\p{White_Space}+$/u)?.[0].length ?? 0;
      if (token.rstrip) to += text.slice(to).match(/^\p{White_Space}+/u)?.[0].length ?? 0;
      addText(Math.max(from, end));
      sections.push({ token });
      end = to;
    }
    addText(text.length);
    return sections;
  };
}

function touchesWord(text: string, side: 'start' | 'end'): boolean {
  const letter = side === 'start' ? text.match(/^./su) : text.match(/.$/su);
  return letter !== null && WORD.test(letter[0]);
}
