import { UserError } from '../errors.js';
import { encodeNumbers } from '../ir/tensor.js';
import type { NamedValues } from '../ir/types.js';
import { readJsonBeside } from './beside.js';
import { type Padding, padAndStack } from './pad-batch.js';
import { stack } from './stack.js';
import { matchTextInputs, type TextRole } from './text-inputs.js';
import { tokenForm } from './token-form.js';
import { type TextOptions, type TokenSettings, tokenSettings } from './token-settings.js';
import { createEncoder, type Encoding, loadTokenizer } from './tokenizer.js';
import type { InputSpec, Preprocessor, RawSample, RawText } from './types.js';

export type { TextOptions } from './token-settings.js';

/**
 * Prepares texts, or pairs of them, with the tokenizer.json beside the model: token ids, attention mask, token types and
 * positions, for the inputs that the model has. Texts are cut and padded as the tokenizer's files or options say; to the
 * model's length where that is fixed. Inputs of type string get the texts themselves.
 * @param modelDir folder of the model
 * @param inputs the inputs that the model really has
 * @throws UserError where there is no tokenizer.json, or an input is none that a text fills
 */
export async function createTextPreprocessor(
  modelDir: string,
  inputs: readonly InputSpec[],
  options: TextOptions = {},
): Promise<Preprocessor> {
  if (inputs.length > 0 && inputs.every((input) => input.type === 'string')) return stringPreprocessor(inputs);
  const roles = matchTextInputs(inputs);
  const file = await readJsonBeside(modelDir, 'tokenizer.json');
  if (!file) {
    throw new UserError('holds no tokenizer.json', {
      file: modelDir,
      mend: 'put the tokenizer.json that the model was trained with beside it',
    });
  }
  const tokenizer = await loadTokenizer(file);
  const lengths = [...roles.values()].map(({ dims }) => dims[1]).filter((dim) => typeof dim === 'number');
  const settings = await tokenSettings(modelDir, file, tokenizer, options, lengths[0], !roles.has('mask'));
  const form = await tokenForm(modelDir, file, tokenizer, roles);
  const encode = await createEncoder(tokenizer, settings.truncation);
  const paddings = Object.fromEntries(
    [...roles].map(([role, input]) => [input.name, paddingOf(role, input, settings)]),
  );
  return {
    description: describe(settings),
    async prepare(sample) {
      const { text, pair } = textOf(sample);
      const encoding = await encode(text, pair);
      if (encoding.ids.length === 0) throw new UserError('gives no tokens', { mend: 'leave it out' });
      return Object.fromEntries([...roles].map(([role, input]) => [input.name, valuesOf(role, input, encoding)]));
    },
    form,
    text: {
      ids: form.ids,
      mask: roles.get('mask')?.name,
      padding: { id: settings.padId, side: settings.side },
      vocabulary: () =>
        1 + Object.values(tokenizer.getVocab(true)).reduce((most, id) => Math.max(most, id), settings.padId),
    },
    paddings,
    collate: (samples) => padAndStack(samples, paddings),
  };
}

function textOf(sample: RawSample): RawText {
  if (sample.kind === 'text') return sample;
  throw new UserError(`holds ${sample.kind}, not text`);
}

/** The numbers of one role, one per token. */
const VALUES: Record<TextRole, (encoding: Encoding) => ArrayLike<number>> = {
  ids: ({ ids }) => ids,
  types: ({ types }) => types,
  mask: ({ ids }) => ids.map(() => 1),
  positions: ({ ids }) => ids.map((_, position) => position),
};

function valuesOf(role: TextRole, { type }: InputSpec, encoding: Encoding): NamedValues[string] {
  return { type, dims: [encoding.ids.length], data: encodeNumbers(type, VALUES[role](encoding)) };
}

function paddingOf(role: TextRole, { type }: InputSpec, settings: TokenSettings): Padding {
  const fill = { ids: settings.padId, types: settings.padType, mask: 0, positions: 0 }[role];
  const { side, length, multiple } = settings;
  return {
    axis: 0,
    value: encodeNumbers(type, [fill])[0]!,
    side,
    least: length,
    multiple: length ? undefined : multiple,
  };
}

function describe({ truncation, length, side }: TokenSettings): string {
  const cut = truncation ? `at most ${truncation.max_length} tokens` : 'texts uncut';
  return `tokenizer.json, ${cut}, padded ${side} to ${length === undefined ? 'the longest' : length}`;
}

/** Hands texts to a model that tokenizes them itself: the text to its first input, the second of a pair to its next. */
function stringPreprocessor(inputs: readonly InputSpec[]): Preprocessor {
  const [first, second, extra] = inputs;
  if (extra)
    throw new UserError(`input '${extra.name}' is none that a text fills`, { mend: 'give arrays in an NPZ file' });
  const shape = ({ dims }: InputSpec) => dims.slice(1).map(() => 1);
  return {
    description: 'texts as strings',
    prepare(sample) {
      const { text, pair } = textOf(sample);
      const prepared: NamedValues = { [first!.name]: { type: 'string', dims: shape(first!), data: [text] } };
      if (second && pair === undefined) {
        throw new UserError(`has one text, input '${second.name}' takes another`, { mend: 'give pairs of texts' });
      }
      if (second) prepared[second.name] = { type: 'string', dims: shape(second), data: [pair!] };
      return prepared;
    },
    collate: stack,
  };
}
