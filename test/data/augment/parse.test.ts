import { describe, expect, it } from 'vitest';
import { parseAugmentations } from '../../../src/data/augment/parse.js';
import { AUGMENTATIONS, AUTOMATIC } from '../../../src/data/augment/table.js';
import type { InputForm, SampleKind } from '../../../src/data/types.js';

const LOG_MEL: InputForm = { kind: 'log-mel', input: 'x', timeAxis: 0, melAxis: 1 };
const TOKENS: InputForm = { kind: 'tokens', ids: 'x', positions: undefined, specials: new Set(), mask: 1, unknown: 2 };

const parse = (text: string, kind: SampleKind, form?: InputForm) =>
  parseAugmentations(text, { dataset: { kind }, preprocessor: { form } });

describe('parseAugmentations', () => {
  it.each([
    ['flip,crop=4,erase=0.25', 'image', 'flip=0.5,crop=4:reflect,erase=0.25:0.4'],
    [' crop = 2 : zero ', 'image', 'crop=2:zero'],
    ['crop=zero', 'image', 'crop=4:zero'],
    ['noise=5:15, gain', 'audio', 'noise=5:15,gain=6'],
    ['noise=5', 'audio', 'noise=5:40'],
    ['none', 'image', ''],
    ['auto', 'image', 'crop=0.08:reflect'],
    ['flip,auto', 'image', 'crop=0.08:reflect,flip=0.5'],
    ['auto,crop=1', 'image', 'crop=1:reflect'],
    ['auto', 'arrays', ''],
    ['auto', 'text', ''],
  ] as const)('reads %j for %s', (text, kind, description) => {
    const found = parse(text, kind);
    expect(found.description).toBe(description);
    expect(found.list).toHaveLength(description === '' ? 0 : description.split(',').length);
  });

  it('reads what it describes as the same', () => {
    for (const [kind, form] of [['image'], ['audio', LOG_MEL], ['text', TOKENS], ['arrays']] as const) {
      const all = parse(Object.keys(AUGMENTATIONS[kind]).join(','), kind, form).description;
      expect(parse(all, kind, form).description).toBe(all);
      expect(() => parse(AUTOMATIC[kind] || 'none', kind, form)).not.toThrow();
    }
  });

  it.each([
    [
      'flop',
      'image',
      "--augment: there is no augmentation 'flop' for image data; did you mean flip?; there are crop, flip,",
    ],
    ['specagument', 'audio', 'did you mean specaugment?'],
    ['flip', 'audio', "there is no augmentation 'flip' for audio data"],
    ['toString', 'image', "there is no augmentation 'toString'"],
    ['', 'image', "there is no augmentation ''"],
    ['flip,', 'image', "there is no augmentation ''"],
    ['none,flip', 'image', "'none' stands alone"],
    ['flip,flip=0.2', 'image', '--augment: flip: is given twice; give it once'],
    [
      'flip=2',
      'image',
      "--augment: flip: '2' is no probability from 0 to 1; it mirrors left and right: flip=probability",
    ],
    ['flip=', 'image', "'' is no probability"],
    ['flip=x', 'image', "'x' is no probability"],
    ['flip=0.1:0.2', 'image', "'flip=0.1:0.2' is not understood"],
    ['crop=4:mirror', 'image', "crop: 'crop=4:mirror' is not understood"],
    ['crop=4=4', 'image', 'is not understood'],
    ['noise=30:10', 'audio', 'noise: 30 is more than 10'],
  ] as const)('refuses %j for %s', (text, kind, message) => {
    expect(() => parse(text, kind)).toThrow(message);
  });
});
