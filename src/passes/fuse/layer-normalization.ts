import { Node } from '../../ir/node.js';
import type { FuseRow } from './fuse.js';
import { type Neighbourhood, otherInput } from './neighbourhood.js';

/**
 * `(x − mean) / √(mean((x − mean)²) + ε) · scale + bias` over the last axes, as exporters write it below operator set 17
 * (Ba, Kiros and Hinton 2016).
 */
export const layerNormalization: FuseRow = (root, around) => {
  const sum = around.producer(root.inputs[0], 'Add');
  const variance =
    sum &&
    around.producer(
      sum.inputs.find((name) => around.scalar(name) === undefined),
      'ReduceMean',
    );
  const epsilon = sum?.inputs.map((name) => around.scalar(name)).find((value) => value !== undefined);
  const centred = variance && squaredBy(variance.inputs[0]!, around);
  const difference = around.producer(centred, 'Sub');
  const division = around.soleConsumer(root, 'Div');
  if (!variance || !difference || !division || division.inputs[0] !== centred || !epsilon) return undefined;
  const [x, center] = difference.inputs as [string, string];
  const mean = around.producer(center, 'ReduceMean');
  const axes = mean?.inputs[0] === x ? lastAxes(mean, x, around) : undefined;
  if (!axes || lastAxes(variance, x, around) !== axes) return undefined;
  const scaling = around.soleConsumer(division, 'Mul');
  const scale = scaling && otherInput(scaling, division.outputs[0]!);
  if (!scale || !spans(scale, x, axes, around)) return undefined;
  const shifting = around.soleConsumer(scaling, 'Add');
  const offset = shifting && otherInput(shifting, scaling.outputs[0]!);
  const bias = offset && spans(offset, x, axes, around) ? [offset] : [];
  const end = bias.length ? shifting! : scaling;
  const inputs = [x, scale, ...bias];
  const attributes = { axis: -axes, epsilon: { float: epsilon } };
  return [end, new Node({ op: 'LayerNormalization', inputs, outputs: end.outputs, attributes })];
};

/** What a value is the square of. */
function squaredBy(name: string, around: Neighbourhood): string | undefined {
  const node = around.producer(name, 'Pow', 'Mul');
  const [a, b] = node?.inputs ?? [];
  return node && (node.type === 'Pow' ? around.isNumber(b, 2) : a === b) ? a : undefined;
}

/** How many axes a mean goes over, where they are the last ones and are kept. */
function lastAxes(mean: Node, x: string, around: Neighbourhood): number | undefined {
  const axes = mean.ints('axes') ?? around.constant(mean.inputs[1])?.toNumbers();
  const rank = around.dims(x)?.length;
  if (!axes?.length || rank === undefined || !mean.int('keepdims', 1)) return undefined;
  const fromEnd = new Set(Array.from(axes, (axis) => (axis < 0 ? -axis : rank - axis)));
  return Math.max(...fromEnd) === fromEnd.size ? fromEnd.size : undefined;
}

/** True where a vector has the sizes of the last axes of a value. */
function spans(vector: string, x: string, axes: number, around: Neighbourhood): boolean {
  const [sizes, all] = [around.dims(vector), around.dims(x)];
  if (sizes?.length !== axes || !all) return false;
  return sizes.every((size, k) => typeof size === 'number' && size === all[all.length - axes + k]);
}
