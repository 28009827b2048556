import { UserError } from '../errors.js';
import type { NamedValues, TensorValue } from '../ir/types.js';

/** @throws UserError naming the first input where a float is NaN or infinite */
export function checkFinite(inputs: NamedValues): void {
  for (const [name, { type, data }] of Object.entries(inputs)) {
    if (isAllFinite(type, data)) continue;
    throw new UserError(`input '${name}' holds NaN or infinity`, { mend: 'repair the sample' });
  }
}

function isAllFinite(type: TensorValue['type'], data: TensorValue['data']): boolean {
  if (data instanceof Float32Array || data instanceof Float64Array) {
    let zero = 0;
    for (let at = 0; at < data.length; at++) zero += data[at]! * 0;
    return zero === 0;
  }
  const exponent = { float16: 0x7c00, bfloat16: 0x7f80 }[type as string];
  return exponent === undefined || !(data as Uint16Array).some((bits) => (bits & exponent) === exponent);
}
