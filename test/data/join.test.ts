import { describe, expect, it } from 'vitest';
import { withUnlabelled } from '../../src/data/join.js';
import type { Dataset } from '../../src/data/types.js';

const texts = (path: string, labels: string[]): Dataset => ({
  path,
  kind: 'text',
  size: labels.length,
  classNames: [...new Set(labels)],
  label: (index) => labels[index],
  describe: (index) => `row ${index + 1}`,
  load: async (index) => ({ kind: 'text', text: `${path} ${index}` }),
});

describe('withUnlabelled', () => {
  it('puts samples behind others and hides their labels', async () => {
    const joined = withUnlabelled(texts('few', ['a', 'b']), texts('many', ['c']));
    expect([joined.size, joined.path, joined.classNames]).toEqual([3, 'few', ['a', 'b']]);
    expect([0, 1, 2].map((index) => joined.label(index))).toEqual(['a', 'b', undefined]);
    expect([1, 2].map((index) => joined.describe(index))).toEqual(['row 2', 'many: row 1']);
    expect(await joined.load(2)).toEqual({ kind: 'text', text: 'many 0' });
  });

  it('refuses samples of another kind', () => {
    expect(() => withUnlabelled(texts('few', []), { ...texts('many', []), kind: 'audio' })).toThrow(
      'many: holds audio samples, few text samples; give samples of one kind',
    );
  });
});
