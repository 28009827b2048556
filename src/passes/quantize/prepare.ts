import { inferValueTypes } from '../../analysis/value-types.js';
import type { Model } from '../../ir/model.js';
import { Node } from '../../ir/node.js';
import { STATIC_QUANTIZATION } from '../../ops/quantization.js';
import type { Pass } from '../pass.js';

/**
 * ReduceMean over all spatial axes becomes GlobalAveragePool (and Flatten where the axes are dropped): the same
 * numbers, and an operator that has an integer kernel.
 */
export const meanToPool: Pass = {
  name: 'mean-to-pool',
  description: 'ReduceMean over the spatial axes becomes GlobalAveragePool',
  async run(model) {
    const means = model.graph.nodes.filter((node) => node.type === 'ReduceMean');
    if (!means.length) return { changed: 0 };
    const types = await inferValueTypes(model);
    let changed = 0;
    for (const node of means) {
      const rank = types.get(node.inputs[0]!)?.dims?.length;
      if (rank === undefined || !coversSpatialAxes(model, node, rank)) continue;
      toPool(model, node);
      changed++;
    }
    return { changed };
  },
};

function coversSpatialAxes(model: Model, node: Node, rank: number): boolean {
  const given = node.inputs[1] ? model.constant(node.inputs[1])?.toNumbers() : node.ints('axes');
  if (!given || rank < 3 || rank > 5) return false;
  const axes = [...given].map((axis) => (axis < 0 ? axis + rank : axis)).sort((a, b) => a - b);
  return axes.length === rank - 2 && axes.every((axis, i) => axis === i + 2);
}

function toPool(model: Model, node: Node): void {
  const keep = node.int('keepdims', 1);
  const output = node.outputs[0]!;
  node.op = 'GlobalAveragePool';
  node.attributes.clear();
  node.inputs.length = 1;
  if (keep) return;
  node.outputs[0] = model.freshName(`${output}_pooled`);
  const name = model.freshName(`${output}_Flatten`);
  const flatten = new Node({
    op: 'Flatten',
    name,
    inputs: [node.outputs[0]],
    outputs: [output],
    attributes: { axis: 1 },
  });
  model.graph.nodes.splice(model.graph.nodes.indexOf(node) + 1, 0, flatten);
}

/**
 * Relu and Clip behind an operator that only moves or selects elements are put before it, next to the convolution that
 * they then fuse with. max and reshaping commute with a monotone function, so the numbers stay.
 */
export const clampsFirst: Pass = {
  name: 'clamps-first',
  description: 'Relu and Clip are moved before pooling and reshaping',
  run(model) {
    let changed = 0;
    for (let moved = true; moved; ) {
      moved = false;
      const index = model.graph.index();
      for (const clamp of model.graph.nodes) {
        if (STATIC_QUANTIZATION[clamp.type]?.role !== 'clamp') continue;
        const carrier = index.producer.get(clamp.inputs[0]!);
        if (!carrier || !COMMUTING.has(carrier.type) || index.outputs.has(carrier.outputs[0]!)) continue;
        if (carrier.outputs.length !== 1 || index.consumers.get(carrier.outputs[0]!)?.length !== 1) continue;
        if (index.consumers.get(carrier.inputs[0]!)?.length !== 1 || !index.producer.has(carrier.inputs[0]!)) continue;
        swap(clamp, carrier);
        model.graph.sort();
        changed++;
        moved = true;
        break;
      }
    }
    return { changed };
  },
};

const COMMUTING = new Set(['MaxPool', 'Reshape', 'Transpose', 'Flatten', 'Squeeze', 'Unsqueeze']);

/** x → carrier → middle → clamp → y becomes x → clamp → middle → carrier → y. */
function swap(clamp: Node, carrier: Node): void {
  const [x, middle, y] = [carrier.inputs[0]!, carrier.outputs[0]!, clamp.outputs[0]!];
  clamp.inputs[0] = x;
  clamp.outputs[0] = middle;
  carrier.inputs[0] = middle;
  carrier.outputs[0] = y;
}
