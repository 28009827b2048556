import type { NamedValues } from '../../ir/types.js';
import { LocalSession } from '../../runtime/local-session.js';
import { serve } from '../../runtime/serve.js';
import { type Consumer, eliminate } from './elimination.js';
import { addShares, sharesOf } from './interpolation.js';
import { correct, type Moments, roundingOf } from './ridge.js';
import type { ConsumerNames, Keep, MomentNames, SumsMethods, TakenNames, TargetNames } from './sums-protocol.js';

let session: LocalSession | undefined;
let sums = new Map<string, Float64Array>();
/** What is kept of each batch, and how many batches there were in this pass. */
const kept: NamedValues[] = [];
let keep: Keep | undefined;
let place = 0;

serve<SumsMethods>({
  async open(model, options, wanted) {
    sums = new Map();
    [keep, place] = [wanted, 0];
    session = await LocalSession.create(model, { ...options, memoryPattern: false });
  },
  async add(feeds) {
    const own = kept[place] ?? {};
    const inputs = session!.info.inputs.flatMap(({ name }) => (own[name] ? [[name, own[name]] as const] : []));
    const results = await session!.run({ ...feeds, ...Object.fromEntries(inputs) });
    if (keep) kept[place] = Object.fromEntries(keep.map(([as, from]) => [as, results[from] ?? own[from]!]));
    const inner = new Set(keep?.map(([, from]) => from));
    for (const [name, { data }] of Object.entries(results)) if (!inner.has(name)) addTo(name, data as Float32Array);
    place++;
  },
  sums: (names) => names.map(sumOf),
  correct(layer, options) {
    const moments = momentsOf(layer);
    return areFinite(moments.xx, moments.ee, moments.tt) ? correct(moments, options) : undefined;
  },
  eliminate(names, elimination) {
    const consumers = names.map(consumerOf);
    const finite = consumers.every(({ covariance, signal }) => areFinite(covariance, [signal]));
    return finite ? eliminate(consumers, elimination) : undefined;
  },
  interpolate(taken, weights, split, ridge) {
    const covariance = covarianceOf(taken);
    if (!areFinite(covariance)) return undefined;
    addShares(weights, split, sharesOf(covariance, split, ridge));
    return weights.values;
  },
  async close() {
    sums = new Map();
    await session?.release();
    session = undefined;
  },
});

function addTo(name: string, values: Float32Array | BigInt64Array): void {
  const total = sums.get(name) ?? new Float64Array(values.length);
  sums.set(name, total);
  for (let k = 0; k < total.length; k++) total[k]! += Number(values[k]);
}

function sumOf(name: string): Float64Array {
  const found = sums.get(name);
  if (!found) throw new Error(`no batch gave ${name}`);
  return found;
}

const areFinite = (...lists: ArrayLike<number>[]) =>
  lists.every((list) => Array.prototype.every.call(list, Number.isFinite));

function momentsOf({ groups, outputs, inputs, names }: MomentNames): Moments {
  const { count, ...others } = names;
  const lists = Object.entries(others).map(([key, name]) => [key, sumOf(name)]);
  return { groups, outputs, inputs, count: sumOf(count)[0]!, ...Object.fromEntries(lists) };
}

/** Mean products of what is taken. */
function covarianceOf({ count, xx, x, isCentred }: TakenNames): Float64Array {
  const positions = sumOf(count)[0]!;
  const mean = sumOf(x).map((value) => value / positions);
  const size = mean.length;
  const covariance = sumOf(xx).map((value) => value / positions);
  const rounding = isCentred ? roundingOf(covariance) : 0;
  for (let i = 0; isCentred && i < size; i++) {
    for (let j = 0; j < size; j++) covariance[i * size + j]! -= mean[i]! * mean[j]!;
    covariance[i * (size + 1)]! += rounding;
  }
  return covariance;
}

function consumerOf(names: ConsumerNames): Consumer {
  const { target, gram, width } = names;
  const covariance = covarianceOf(names);
  return {
    covariance,
    gram: Float64Array.from(gram),
    width,
    signal: target ? variance(target) : own(covariance, gram),
  };
}

/** The variance of all outputs together. */
function variance({ count, t, tt }: TargetNames): number {
  const positions = sumOf(count)[0]!;
  const means = sumOf(t).map((value) => value / positions);
  return sumOf(tt).reduce((total, value, k) => total + value / positions - means[k]! ** 2, 0);
}

/** The mean square of what the inputs make together. */
function own(covariance: Float64Array, gram: Float32Array): number {
  return covariance.reduce((total, value, k) => total + value * gram[k]!, 0);
}
