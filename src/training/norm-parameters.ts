import type { Graph } from '../ir/graph.js';
import type { Node } from '../ir/node.js';
import type { TrainableModel } from './prepare.js';

/** Operators that normalize, with a scale and perhaps a shift behind the input. */
const NORMALIZATIONS =
  /^(com\.microsoft\.)?(BatchNormalization|(Skip)?(Simplified)?LayerNormalization|RMSNormalization|InstanceNormalization|GroupNorm(alization)?)$/;

/** What hands on a value that was normalized, in another shape. */
const RESHAPES = new Set(['Reshape', 'Transpose', 'Cast', 'Identity']);

/**
 * Names of the parameters that scale and shift what was normalized: those of normalizations, and those of a product and a
 * sum behind one, as group normalization is exported. Nothing else takes them.
 */
export function normParameters({ model: { graph }, parameters }: TrainableModel): Set<string> {
  const isNormalized = normalizedValues(graph);
  const { consumers } = graph.index();
  const scales = (node: Node, name: string) =>
    NORMALIZATIONS.test(node.type)
      ? node.inputs.indexOf(name) > 0
      : (node.type === 'Mul' || node.type === 'Add') &&
        node.inputs.some((input) => input !== name && isNormalized(input));
  const users = (name: string) => consumers.get(name) ?? [];
  const found = parameters.filter(
    ({ name, decays }) => !decays && users(name).length > 0 && users(name).every((node) => scales(node, name)),
  );
  return new Set(found.map(({ name }) => name));
}

/** Tells values that are normalized, perhaps scaled already, from others. */
function normalizedValues(graph: Graph): (value: string) => boolean {
  const { producer } = graph.index();
  const isNormalized = (value: string, steps = 4): boolean => {
    const node = producer.get(value);
    if (!node || !steps) return false;
    if (node.type === 'InstanceNormalization') return true;
    if (node.type === 'Mul') return node.inputs.some((input) => isNormalized(input, steps - 1));
    return RESHAPES.has(node.type) && isNormalized(node.inputs[0]!, steps - 1);
  };
  return isNormalized;
}
