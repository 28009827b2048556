import type { Site, UpgradeRow } from './site.js';

/** Reductions whose axes became an input at 18; ReduceSum was five versions earlier. */
const REDUCTIONS = [
  'ReduceL1',
  'ReduceL2',
  'ReduceLogSum',
  'ReduceLogSumExp',
  'ReduceMax',
  'ReduceMean',
  'ReduceMin',
  'ReduceProd',
  'ReduceSumSquare',
];

/** Attributes that became inputs: the value is the same, it only moves. */
export const ATTRIBUTES_TO_INPUTS: readonly UpgradeRow[] = [
  { ops: ['Slice'], version: 10, rewrite: sliceBounds },
  { ops: ['TopK'], version: 10, rewrite: (site) => moveInts(site, 'k', 1) },
  { ops: ['Clip'], version: 11, needsTypes: true, rewrite: clipLimits },
  { ops: ['Pad'], version: 11, needsTypes: true, rewrite: padding },
  { ops: ['Dropout'], version: 12, rewrite: dropoutRatio },
  { ops: ['ReduceSum', 'Squeeze', 'Unsqueeze'], version: 13, rewrite: (site) => moveInts(site, 'axes', 1) },
  { ops: ['Split'], version: 13, rewrite: (site) => moveInts(site, 'split', 1) },
  { ops: REDUCTIONS, version: 18, rewrite: (site) => moveInts(site, 'axes', 1) },
  { ops: ['DFT'], version: 20, rewrite: transformedAxis },
];

function moveInts(site: Site, attribute: string, input: number): void {
  const values = site.takeInts(attribute);
  if (values) site.setInputs(input, site.addInts(attribute, values));
}

/** Up to 9 the axes default to as many as there are starts, from 10 on to all. */
function sliceBounds(site: Site): void {
  const starts = site.takeInts('starts') ?? [];
  const ends = site.takeInts('ends') ?? [];
  const axes = site.takeInts('axes') ?? starts.map((_, axis) => axis);
  site.setInputs(1, site.addInts('starts', starts), site.addInts('ends', ends), site.addInts('axes', axes));
}

function clipLimits(site: Site): void {
  const limits = ['min', 'max'].map((name) => {
    const value = site.takeFloat(name);
    return value === undefined ? undefined : site.addConstant(name, site.floatType(0), [], [value]);
  });
  site.setInputs(1, ...limits);
}

function padding(site: Site): void {
  const pads = site.addInts('pads', site.takeInts('pads') ?? []);
  const value = site.takeFloat('value');
  site.setInputs(1, pads, value ? site.addConstant('value', site.floatType(0), [], [value]) : undefined);
}

/** Without its input `training_mode` the node passes data through, as all do that served inference before 12. */
function dropoutRatio(site: Site): void {
  const ratio = site.takeFloat('ratio');
  if (ratio !== undefined) site.setInputs(1, site.addConstant('ratio', 'float32', [], [ratio]));
}

/** The axis was 1 by default, from 20 on it is the last but one. */
function transformedAxis(site: Site): void {
  const [axis] = site.takeInts('axis') ?? [1n];
  site.setInputs(2, site.addConstant('axis', 'int64', [], [Number(axis)]));
}
