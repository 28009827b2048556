import { UserError } from '../errors.js';
import type { InputSpec } from './types.js';

/** What an input of a text model holds, one number per token. */
export type TextRole = 'ids' | 'mask' | 'types' | 'positions';

/** Roles by what the inputs' names contain, more telling ones first: `input_mask` is a mask, `input_type_ids` types. */
const ROLES: readonly (readonly [TextRole, RegExp])[] = [
  ['mask', /mask/i],
  ['types', /(token|input)_?type|segment/i],
  ['positions', /^pos(ition)?(_?ids?)?$/i],
  ['ids', /^(input_?)?(word_?)?ids?(_\d+)?$|^(input_?)?tokens?(_?ids?)?$|^inputs?(_\d+)?$|^x$|^text$/i],
];

/**
 * Which input plays which role. An only input holds the token ids, whatever its name.
 * @throws UserError naming an input whose role is unknown or taken, or where none holds token ids
 */
export function matchTextInputs(inputs: readonly InputSpec[]): Map<TextRole, InputSpec> {
  const roles = new Map<TextRole, InputSpec>();
  for (const input of inputs) {
    const role = inputs.length === 1 ? 'ids' : ROLES.find(([, name]) => name.test(input.name))?.[0];
    const rival = role && roles.get(role);
    const what = rival ? `holds the same as input '${rival.name}'` : 'is none that a text fills';
    if (role === undefined || rival) {
      throw new UserError(`input '${input.name}' ${what}`, {
        mend: 'name the inputs input_ids, attention_mask, token_type_ids, position_ids, or give arrays in an NPZ file',
      });
    }
    checkInput(input);
    roles.set(role, input);
  }
  if (roles.has('ids')) return roles;
  const names = inputs.map((input) => `'${input.name}'`).join(', ');
  throw new UserError(`no input holds token ids; the model has ${names}`, { mend: "name that input 'input_ids'" });
}

const TYPES: readonly InputSpec['type'][] = ['int64', 'int32', 'float32', 'bool'];

function checkInput({ name, type, dims }: InputSpec): void {
  if (TYPES.includes(type) && dims.length === 2) return;
  throw new UserError(`input '${name}' is ${type} [${dims.join(', ')}], tokens are int64 or int32 [N, tokens]`, {
    mend: 'export the model with [N, tokens] inputs, or give arrays in an NPZ file',
  });
}
