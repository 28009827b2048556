import type { JsonFile } from './beside.js';
import type { TextRole } from './text-inputs.js';
import { namedTokenId } from './token-settings.js';
import type { Tokenizer } from './tokenizer.js';
import type { InputSpec, TokenForm } from './types.js';

/** The parts of a tokenizer.json that tell special tokens. */
interface TokenFile {
  added_tokens?: { id: number; content: string; special?: boolean }[];
  model?: { unk_token?: string | null; unk_id?: number | null };
}

/** Names of the mask token where no file tells which it is. */
const MASKS: ReadonlySet<string> = new Set(['[MASK]', '<mask>']);

/**
 * What the prepared inputs of a text model hold, and which tokens are special: those marked so, and those that are put
 * around every text. Leaves the tokenizer without truncation.
 */
export async function tokenForm(
  modelDir: string,
  file: JsonFile,
  tokenizer: Tokenizer,
  roles: ReadonlyMap<TextRole, InputSpec>,
): Promise<TokenForm> {
  const { added_tokens: added = [], model } = file.value as TokenFile;
  tokenizer.disableTruncation();
  const around = await Promise.all([tokenizer.encode(''), tokenizer.encode('', '')]);
  const specials = added.filter(({ special }) => special);
  const named = model?.unk_token ? tokenizer.tokenToId(model.unk_token) : model?.unk_id;
  return {
    kind: 'tokens',
    ids: roles.get('ids')!.name,
    positions: roles.get('positions')?.name,
    specials: new Set([...specials.map(({ id }) => id), ...around.flatMap((encoding) => encoding.getIds())]),
    mask:
      (await namedTokenId(modelDir, 'mask_token', tokenizer)) ?? specials.find(({ content }) => MASKS.has(content))?.id,
    unknown: named ?? (await namedTokenId(modelDir, 'unk_token', tokenizer)),
  };
}
