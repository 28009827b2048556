import { captures, type Graph, usedValues } from '../ir/graph.js';
import type { Model } from '../ir/model.js';
import type { Node } from '../ir/node.js';
import type { Tensor } from '../ir/tensor.js';
import { requiredInputs } from './example-inputs.js';

/** Operators that hand pixels on as they are, in another order or form. */
const HANDS_ON: ReadonlySet<string> = new Set([
  ...['Cast', 'Identity', 'Reshape', 'Squeeze', 'Transpose', 'Unsqueeze'],
  ...['DequantizeLinear', 'QuantizeLinear'],
]);

/** By the operator that comes first: which constants make small numbers of pixels, but nothing sensible of fractions. */
const FITS_PIXELS: Readonly<Record<string, (constant: number) => boolean>> = {
  Mul: (factor) => factor >= 1 / 300 && factor <= 1 / 20,
  Div: (divisor) => divisor >= 20 && divisor <= 300,
  Sub: (mean) => mean >= 20 && mean <= 255,
  Add: (shift) => shift >= -255 && shift <= -20,
};

/** Operators that look at the shape of an image alone. */
const SIZES: ReadonlySet<string> = new Set(['Shape', 'Size']);

/**
 * True where a model scales pixels itself, as one with a Keras Rescaling layer does: what it does to its input first, such as
 * `x / 255` or `x − 123.7`, makes sense for pixels of 0…255 and for no smaller numbers.
 */
export function takesRawPixels(model: Model): boolean {
  const { graph } = model;
  const inputs = requiredInputs(model);
  const constants = model.constants();
  return inputs.length === 1 && scalesPixels(graph, inputs[0]!.name, (name) => constants.get(name));
}

function scalesPixels(graph: Graph, value: string, constant: (name: string) => Tensor | undefined): boolean {
  const uses = graph.nodes.filter((node) => !SIZES.has(node.type) && usedValues(node).has(value));
  const fits = ({ type, inputs: [a, b] }: Node): boolean => {
    const other = a === value ? b : type === 'Mul' || type === 'Add' ? a : undefined;
    const numbers = constant(other ?? '')?.toFloats();
    return numbers !== undefined && numbers.length > 0 && numbers.every((number) => FITS_PIXELS[type]!(number));
  };
  const scales = (node: Node): boolean => {
    if (FITS_PIXELS[node.type]) return fits(node);
    if (HANDS_ON.has(node.type)) return node.inputs[0] === value && scalesPixels(graph, node.outputs[0]!, constant);
    const bodies = node.subgraphs().filter((body) => captures(body).has(value));
    const inner = (body: Graph) => (name: string) => body.initializers.get(name) ?? constant(name);
    return !node.inputs.includes(value) && bodies.every((body) => scalesPixels(body, value, inner(body)));
  };
  return uses.length > 0 && uses.every(scales);
}
