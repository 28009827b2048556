import { Node } from '../../ir/node.js';
import type { FuseRow } from './fuse.js';
import { type Neighbourhood, otherInput } from './neighbourhood.js';

/** `x · ½ · (1 + erf(x / √2))`, its factors multiplied in any order (Hendrycks and Gimpel 2016). */
export const gelu: FuseRow = (erf, around) => {
  const scaled = around.producer(erf.inputs[0], 'Div', 'Mul');
  if (!scaled) return undefined;
  const x = scaledBy(scaled, around);
  const gate = around.soleConsumer(erf, 'Add');
  if (!x || !gate || !around.isNumber(otherInput(gate, erf.outputs[0]!), 1)) return undefined;
  const end = productOf(gate, x, around);
  return end && [end, new Node({ op: 'Gelu', domain: 'com.microsoft', inputs: [x], outputs: end.outputs })];
};

/** What a node divides by √2. */
function scaledBy(node: Node, around: Neighbourhood): string | undefined {
  const [a, b] = node.inputs as [string, string];
  if (node.type === 'Div') return around.isNumber(b, Math.SQRT2) ? a : undefined;
  return around.isNumber(b, Math.SQRT1_2) ? a : around.isNumber(a, Math.SQRT1_2) ? b : undefined;
}

/** The multiplication after which a value has been multiplied by ½ and by x, and nothing else. */
function productOf(start: Node, x: string, around: Neighbourhood): Node | undefined {
  const isHalf = (name: string) => around.isNumber(name, 0.5);
  const isHalfOfX = (name: string) => {
    const inputs = around.producer(name, 'Mul')?.inputs ?? [];
    return inputs.includes(x) && inputs.some(isHalf);
  };
  const missing = new Set(['half', 'x']);
  for (let node = start; ; ) {
    const next = around.soleConsumer(node, 'Mul');
    if (!next) return undefined;
    const factor = otherInput(next, node.outputs[0]!);
    const found = factor === x ? ['x'] : isHalf(factor) ? ['half'] : isHalfOfX(factor) ? ['x', 'half'] : [];
    if (!found.length || !found.every((one) => missing.delete(one))) return undefined;
    if (!missing.size) return next;
    node = next;
  }
}
