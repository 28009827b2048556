import { DATA_TYPES } from '../../ir/types.js';
import type { Site, UpgradeRow } from './site.js';

/** Operators that mean something else from a version on, or spell it otherwise. */
export const SEMANTICS: readonly UpgradeRow[] = [
  { ops: ['BatchNormalization'], version: 9, rewrite: perChannelStatistics },
  { ops: ['Scan'], version: 9, rewrite: batchedScan },
  { ops: ['Dropout'], version: 10, needsTypes: true, rewrite: dropoutMask },
  { ops: ['Softmax', 'LogSoftmax', 'Hardmax'], version: 13, needsTypes: true, rewrite: normalizedAxes },
  { ops: ['BatchNormalization'], version: 14, rewrite: inferenceOnly },
  { ops: ['RoiAlign'], version: 16, rewrite: unshiftedRegions },
  { ops: ['Split'], version: 18, rewrite: countedOutputs },
  { ops: ['GridSample'], version: 20, rewrite: interpolationNames },
  { ops: ['GroupNormalization'], version: 21, needsTypes: true, rewrite: perChannelScale },
];

function perChannelStatistics(site: Site): void {
  if (site.node.int('spatial', 1) === 0)
    throw site.refuse('it keeps statistics per element (spatial = 0), which later versions cannot');
  site.node.set('spatial', undefined);
}

function batchedScan(site: Site): void {
  throw site.refuse('version 8 scans every sequence of a batch with its own length, which later versions cannot');
}

/** The mask had the type of the data and is boolean now; what it holds is undefined where nothing is dropped. */
function dropoutMask(site: Site): void {
  if (site.isUsed(1)) site.appendAfter(1, 'Cast', (mask) => [mask], { to: DATA_TYPES[site.floatType(0)].code });
  else site.node.outputs.length = 1;
}

/**
 * Up to 12 the input is seen as a matrix: the axes before `axis` (1 by default) are its rows, the others together its
 * columns. From 13 on only `axis` itself counts, which is the same where the axes behind it have size 1. ONNX Runtime
 * says of a value of unknown rank that it has no dimensions.
 */
function normalizedAxes(site: Site): void {
  const { node } = site;
  const axis = node.int('axis', 1);
  const [input = ''] = node.inputs;
  const shape = site.facts(input)?.dims ?? [];
  const first = axis < 0 ? axis + shape.length : axis;
  const single = shape.length > 0 && shape.slice(first + 1).every((size) => size === 1);
  if (single || axis === -1) {
    node.set('axis', axis);
    return;
  }
  node.inputs[0] = site.insertBefore('Flatten', [input], { axis });
  node.set('axis', -1);
  const dims = site.insertBefore('Shape', [input]);
  site.appendAfter(0, 'Reshape', (matrix) => [matrix, dims]);
}

function inferenceOnly(site: Site): void {
  if (site.node.outputs.slice(1).some(Boolean))
    throw site.refuse('it gives batch statistics, as in training, which inference has no use for');
  site.node.outputs.length = 1;
}

/** Coordinates were not shifted by half a pixel before there was a choice. */
function unshiftedRegions(site: Site): void {
  if (!site.node.attributes.has('coordinate_transformation_mode'))
    site.node.set('coordinate_transformation_mode', 'output_half_pixel');
}

/** Equal parts have to say how many they are. */
function countedOutputs(site: Site): void {
  if (!site.node.inputs[1]) site.node.set('num_outputs', site.node.outputs.length);
}

const INTERPOLATIONS: Record<string, string> = { bilinear: 'linear', bicubic: 'cubic' };

function interpolationNames(site: Site): void {
  const mode = site.node.string('mode');
  if (mode !== undefined) site.node.set('mode', INTERPOLATIONS[mode] ?? mode);
}

/** Scale and bias were one number per group; each is repeated for the channels of its group. */
function perChannelScale(site: Site): void {
  const { node } = site;
  const groups = node.int('num_groups', 1);
  const channels = site.facts(node.inputs[0])?.dims?.[1];
  const groupSize =
    typeof channels === 'number' && channels % groups === 0
      ? site.addInts('group_size', [channels / groups])
      : site.insertBefore('Div', [
          site.insertBefore('Shape', [node.inputs[0] ?? ''], { start: 1, end: 2 }),
          site.addInts('groups', [groups]),
        ]);
  const column = site.addInts('column', [groups, 1]);
  const flat = site.addInts('flat', [-1]);
  for (const index of [1, 2]) {
    const perGroup = site.insertBefore('Reshape', [node.inputs[index] ?? '', column]);
    const repeated = site.insertBefore('Expand', [perGroup, groupSize]);
    node.inputs[index] = site.insertBefore('Reshape', [repeated, flat]);
  }
}
