import { describe, expect, it } from 'vitest';
import { charsmapNormalizer } from '../../src/data/charsmap.js';

/** A charsmap of A → a and é → e: units of the trie are label | leaf flag | offset of the children. */
function charsmap(): string {
  const trie = new Uint32Array(2048);
  const LEAF = 0x100;
  trie[0] = 256 << 10;
  trie[256 ^ 0x41] = 0x41 | LEAF | (512 << 10);
  trie[256 ^ 0x41 ^ 512] = 0 | 0x80000000;
  trie[256 ^ 0xc3] = 0xc3 | (768 << 10);
  trie[256 ^ 0xc3 ^ 768 ^ 0xa9] = 0xa9 | LEAF | (1024 << 10);
  trie[256 ^ 0xc3 ^ 768 ^ 0xa9 ^ 1024] = 2 | 0x80000000;
  const size = Buffer.alloc(4);
  size.writeUInt32LE(trie.byteLength);
  return Buffer.concat([size, Buffer.from(trie.buffer), Buffer.from('a\0e\0')]).toString('base64');
}

describe('charsmapNormalizer', () => {
  // the results of tokenizers 0.23: normalizers.Precompiled(base64.b64decode(charsmap)).normalize_str(text)
  it.each([
    ['', ''],
    ['A', 'a'],
    ['éA xyz', 'ea xyz'],
    ['A\u0301', 'a'],
    ['A\u0301\u0301\u0301', 'a\u0301\u0301\u0301'],
    ['\0A😀', '\0a😀'],
  ])('makes %j into %j', (text, expected) => {
    expect(charsmapNormalizer(charsmap())(text)).toBe(expected);
  });
});
