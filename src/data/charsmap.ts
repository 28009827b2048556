/** Offset of a unit's children (darts-clone, double-array trie). */
const offsetOf = (unit: number) => (unit >>> 10) << ((unit & 0x200) >>> 6);

/**
 * The normalizer in a SentencePiece model: a trie of byte sequences and what each becomes. It replaces graphemes below 6
 * bytes as a whole where it knows how they begin, and single characters elsewhere (Rust's `spm_precompiled`).
 * @param charsmap `precompiled_charsmap` in base64: size of the trie, the trie, replacements that end in zero bytes
 */
export function charsmapNormalizer(charsmap: string): (text: string) => string {
  const bytes = Uint8Array.from(Buffer.from(charsmap, 'base64'));
  const size = new DataView(bytes.buffer).getUint32(0, true);
  const trie = new Uint32Array(bytes.buffer.slice(4, 4 + size));
  const replacements = bytes.subarray(4 + size);
  const encoder = new TextEncoder();
  const decoder = new TextDecoder();
  const graphemes = new Intl.Segmenter('en', { granularity: 'grapheme' });

  /** What the shortest known beginning of these bytes becomes. */
  function replacement(key: Uint8Array): string | undefined {
    let at = offsetOf(trie[0]!);
    for (const byte of key) {
      if (byte === 0) return undefined;
      at ^= byte;
      const unit = trie[at] ?? 0;
      if ((unit & 0x800000ff) !== byte) return undefined;
      at ^= offsetOf(unit);
      if (unit & 0x100) return textAt(trie[at]! & 0x7fffffff);
    }
    return undefined;
  }

  function textAt(start: number): string {
    return decoder.decode(replacements.subarray(start, replacements.indexOf(0, start)));
  }

  function normalized(grapheme: string): string {
    const key = encoder.encode(grapheme);
    const whole = key.length < 6 ? replacement(key) : undefined;
    if (whole !== undefined) return whole;
    return Array.from(grapheme, (letter) => replacement(encoder.encode(letter)) ?? letter).join('');
  }

  const known = new Map<string, string>();
  return (text) => {
    let result = '';
    for (const { segment } of graphemes.segment(text)) {
      let made = known.get(segment);
      if (made === undefined) {
        made = normalized(segment);
        if (known.size < 10_000) known.set(segment, made);
      }
      result += made;
    }
    return result;
  };
}
