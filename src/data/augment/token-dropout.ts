import { encodeNumbers } from '../../ir/tensor.js';
import type { NamedValues, TensorValue, TypedArray } from '../../ir/types.js';
import type { InputForm, TokenForm } from '../types.js';
import type { AugmentationRow } from './augmentation.js';

/** The token that takes the place of a dropped one, by variant; undefined removes it. */
const REPLACEMENTS: Record<string, (form: TokenForm) => number | undefined> = {
  any: ({ mask, unknown }) => mask ?? unknown,
  mask: ({ mask }) => mask,
  unknown: ({ unknown }) => unknown,
  remove: () => undefined,
};

/**
 * Drops tokens at random: replaces them by the unknown token (Bowman et al. 2016) or the mask token, or removes them
 * (Iyyer et al. 2015). Special tokens stay, and so does the last token that is none.
 */
export const tokenDropout: AugmentationRow = {
  about: 'replaces tokens by the mask or unknown token, or removes them',
  parameters: [{ name: 'share', least: 0, most: 0.9, default: 0.1 }],
  variants: Object.keys(REPLACEMENTS),
  lacks,
  make: ([share], variant, form) => {
    const tokens = form as TokenForm;
    const replacement = REPLACEMENTS[variant]!(tokens);
    return {
      on: 'inputs',
      apply(inputs, random) {
        const ids = inputs[tokens.ids]!;
        const isDropped = Array.from(
          ids.data as ArrayLike<number | bigint>,
          (id) => !tokens.specials.has(Number(id)) && random() < share!,
        );
        if (!isDropped.includes(true)) return inputs;
        if (replacement === undefined) return without(inputs, isDropped, tokens);
        return { ...inputs, [tokens.ids]: replaced(ids, isDropped, replacement) };
      },
    };
  },
};

function lacks(form: InputForm | undefined, variant: string): string | undefined {
  if (form?.kind !== 'tokens') return 'the model takes no tokens';
  const isMissing = (variant === 'mask' || variant === 'unknown') && REPLACEMENTS[variant]!(form) === undefined;
  return isMissing ? `the tokenizer names no ${variant} token` : undefined;
}

function replaced(ids: TensorValue, isDropped: readonly boolean[], replacement: number): TensorValue {
  const [other] = encodeNumbers(ids.type, [replacement]);
  const data = (ids.data as Float32Array).slice();
  for (const [at, dropped] of isDropped.entries()) if (dropped) data[at] = other as number;
  return { ...ids, data };
}

function without(inputs: NamedValues, isDropped: readonly boolean[], form: TokenForm): NamedValues {
  const ids = inputs[form.ids]!.data as TypedArray;
  const kept = [...isDropped.keys()].filter((at) => !isDropped[at]);
  if (kept.every((at) => form.specials.has(Number(ids[at])))) return inputs;
  const pick = ([name, value]: [string, TensorValue]): [string, TensorValue] => {
    const all = value.data as Float32Array;
    const data = name === form.positions ? all.slice(0, kept.length) : all.filter((_, at) => !isDropped[at]);
    return [name, { ...value, dims: [kept.length], data }];
  };
  return Object.fromEntries(Object.entries(inputs).map(pick));
}
