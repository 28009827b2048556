import { sampleOf, type TaskData } from '../data/task.js';
import type { Batch } from '../data/types.js';
import { UserError } from '../errors.js';
import { Emitter } from '../ir/emitter.js';
import { Model } from '../ir/model.js';
import { DATA_TYPES, type DataType, isFloat, type NamedValues, type TensorValue } from '../ir/types.js';
import { encodeModel } from '../onnx/write.js';
import { convertImage, type Fitting, type ImageForm, type Sizes } from '../passes/exits/convert-image.js';
import { formatPercent } from '../report/format.js';
import type { SessionInfo, SessionValue } from '../runtime/protocol.js';
import { Session } from '../runtime/session.js';
import type { Workbench } from './workbench.js';

/** Emits what one model takes from the inputs of another one; gives the value for each input. */
export type InputConversion = (g: Emitter) => Map<string, string>;

/** A model with data as it takes it. */
export interface Prepared {
  bench: Pick<Workbench, 'path' | 'info' | 'session'>;
  data: TaskData;
}

/** A way to compute an input, and what is to be said of it where it is taken. */
interface Candidate {
  emit(g: Emitter): string;
  /** Says how near it comes. */
  note?(error: number): string;
  /** Largest error that is allowed, as a share of the values' own spread. */
  tolerance: number;
}

/** What of a difference is rounding. */
const EXACT = 1e-4;
/** What may differ where an image is resized on its way from one model to the other, and not from the original. */
const RESIZED = 0.3;
/** Samples on which candidates are tried. */
const TRIED = 16;

/**
 * Finds out how the inputs of a guest follow from those of a host, by what both are given for the same samples: as they are,
 * in another layout, normalization, type or size.
 * @throws UserError where some input does not follow
 */
export async function planInputs(
  host: Prepared,
  guest: Prepared,
  seed: number,
): Promise<{ convert: InputConversion; notes: string[] }> {
  const pairs = await pairedBatches(host.data, guest.data, seed);
  const chosen = new Map<string, Candidate>();
  const notes: string[] = [];
  for (const input of guest.bench.info.inputs) {
    const { candidate, error } = await nearest(host, input, candidatesFor(host, guest, input, pairs), pairs);
    if (!candidate || error > candidate.tolerance) throw unrelated(host, guest, input.name);
    if (candidate.note) notes.push(`${guest.bench.path}: ${candidate.note(error)}`);
    chosen.set(input.name, candidate);
  }
  return {
    convert: (g) => new Map([...chosen].map(([name, { emit }]) => [name, emit(g)])),
    notes,
  };
}

function unrelated(host: Prepared, guest: Prepared, input: string): UserError {
  return new UserError(`its input '${input}' does not follow from what ${host.bench.path} is given`, {
    file: guest.bench.path,
    mend: 'take models of the same data, whose inputs differ in layout, normalization or image size alone',
  });
}

/** The same samples as two models take them. */
interface Pair {
  host: NamedValues;
  guest: NamedValues;
}

async function pairedBatches(host: TaskData, guest: TaskData, seed: number): Promise<Pair[]> {
  const size = host.fixedBatch ?? guest.fixedBatch ?? TRIED;
  const indices = sampleOf(host, TRIED, seed);
  const [ours, theirs] = [await allOf(host.stream(indices, size)), await allOf(guest.stream(indices, size))];
  return ours.flatMap((batch, k) => {
    const other = theirs[k];
    const same = other && `${other.indices}` === `${batch.indices}`;
    return same ? [{ host: batch.feeds, guest: other.feeds }] : [];
  });
}

async function allOf(batches: AsyncIterable<Batch>): Promise<Batch[]> {
  const all: Batch[] = [];
  for await (const batch of batches) all.push(batch);
  return all;
}

function candidatesFor(host: Prepared, guest: Prepared, input: SessionValue, pairs: readonly Pair[]): Candidate[] {
  const [from, to] = [host.data.preprocessor.form, guest.data.preprocessor.form];
  if (from?.kind === 'image' && to?.kind === 'image') return imageCandidates(from, to, guest, pairs);
  const named = ({ name }: SessionValue) => Number(name !== input.name);
  return [...host.bench.info.inputs]
    .sort((a, b) => named(a) - named(b))
    .filter(({ type }) => type && input.type && isFloat(type as DataType) === isFloat(input.type as DataType))
    .flatMap((source) => arrangements(source, input));
}

function imageCandidates(from: ImageForm, to: ImageForm, guest: Prepared, pairs: readonly Pair[]): Candidate[] {
  const [pair] = pairs;
  if (!pair) return [];
  const sizes: Sizes = { from: sizeOf(pair.host[from.input]!, from), to: sizeOf(pair.guest[to.input]!, to) };
  const emit = (fitting: Fitting) => (g: Emitter) => {
    try {
      return convertImage(g, from.input, from, to, sizes, fitting);
    } catch (error) {
      throw error instanceof UserError ? error.at({ file: guest.bench.path }) : error;
    }
  };
  if (`${sizes.from}` === `${sizes.to}`) return [{ emit: emit('resize'), tolerance: EXACT }];
  const [before, after] = [sizes.from, sizes.to].map((size) => size.join('×'));
  const about = (how: string) => (error: number) =>
    `images of ${after} are made from those of ${before} by ${how}, ${formatPercent(error)} off`;
  const fits = sizes.to.every((size, axis) => size <= sizes.from[axis]!);
  return [
    { emit: emit('resize'), tolerance: RESIZED, note: about('resizing') },
    ...(fits ? [{ emit: emit('crop'), tolerance: RESIZED, note: about('cropping') }] : []),
  ];
}

/** Height and width of the images in a batch. */
function sizeOf({ dims }: TensorValue, { rank, layout, channels }: ImageForm): [number, number] {
  if (rank === 2) {
    const side = Math.sqrt(dims[1]! / channels);
    return [side, side];
  }
  const first = rank === 4 && layout === 'NCHW' ? 2 : 1;
  return [dims[first]!, dims[first + 1]!];
}

/** A value as it is, without or with an axis of length 1, with its last two axes in the other order, and zeros. */
function arrangements({ name, type, dims }: SessionValue, to: SessionValue): Candidate[] {
  const typed = (g: Emitter, value: string) =>
    type === to.type ? value : g.cast(value, DATA_TYPES[to.type as DataType].code);
  const more = to.dims.length - dims.length;
  const axes = Array.from({ length: Math.max(dims.length, to.dims.length) - 1 }, (_, k) => k + 1);
  const ranked: ((g: Emitter) => string)[] =
    more === 0
      ? [() => name]
      : Math.abs(more) === 1
        ? axes.map((axis) => (g) => g.op(more > 0 ? 'Unsqueeze' : 'Squeeze', [name, g.ints([axis])]))
        : [];
  const order = to.dims.map((_, axis) => axis);
  const swapped = [...order.slice(0, -2), order.at(-1)!, order.at(-2)!];
  const turned: typeof ranked = to.dims.length < 3 ? [] : ranked.map((emit) => (g) => g.transpose(emit(g), swapped));
  const zeros: typeof ranked = more || isFloat(type as DataType) ? [] : [(g) => g.sub(name, name)];
  return [...ranked, ...turned, ...zeros].map((emit) => ({ emit: (g) => typed(g, emit(g)), tolerance: EXACT }));
}

/** The first candidate without error, else the one with the least. */
async function nearest(
  host: Prepared,
  input: SessionValue,
  candidates: readonly Candidate[],
  pairs: readonly Pair[],
): Promise<{ candidate: Candidate | undefined; error: number }> {
  let best: { candidate: Candidate | undefined; error: number } = {
    candidate: undefined,
    error: Number.POSITIVE_INFINITY,
  };
  for (const candidate of candidates) {
    const error = await errorOf(host, input.name, candidate, pairs);
    if (error < best.error) best = { candidate, error };
    if (error <= EXACT) break;
  }
  return best;
}

async function errorOf(host: Prepared, input: string, { emit }: Candidate, pairs: readonly Pair[]): Promise<number> {
  const model = inputsOnly(host.bench.info);
  model.graph.outputs = [{ name: emit(new Emitter(model, 'inputs')) }];
  if (model.graph.isInput(model.graph.outputs[0]!.name))
    return differenceOf(pairs.map(({ host: ours, guest }) => [ours[model.graph.outputs[0]!.name]!, guest[input]!]));
  try {
    const session = await Session.create(encodeModel(model), { ...host.bench.session, threads: 1 });
    try {
      const found: [TensorValue, TensorValue][] = [];
      for (const pair of pairs) {
        const results = await session.run(pair.host);
        found.push([Object.values(results)[0]!, pair.guest[input]!]);
      }
      return differenceOf(found);
    } finally {
      await session.release();
    }
  } catch (error) {
    if (error instanceof UserError) return Number.POSITIVE_INFINITY;
    throw error;
  }
}

function inputsOnly({ inputs }: SessionInfo): Model {
  const model = new Model();
  model.opsets.set('', 18);
  model.graph.name = 'inputs';
  model.graph.inputs = inputs.map(({ name, type, dims }) => ({
    name,
    type: { kind: 'tensor', elem: type as DataType, shape: dims },
  }));
  return model;
}

/** Root mean square of the differences of pairs of values, as a share of the spread of the second ones. */
function differenceOf(pairs: readonly (readonly [TensorValue, TensorValue])[]): number {
  let [count, sum, squares, errors] = [0, 0, 0, 0];
  for (const [made, wanted] of pairs) {
    if (made.dims.join() !== wanted.dims.join()) return Number.POSITIVE_INFINITY;
    if (made.type !== wanted.type) return Number.POSITIVE_INFINITY;
    if (made.type === 'string') {
      if (`${made.data}` !== `${wanted.data}`) return Number.POSITIVE_INFINITY;
      count++;
      continue;
    }
    for (let k = 0; k < wanted.data.length; k++) {
      const [a, b] = [Number(made.data[k]), Number(wanted.data[k])];
      count++;
      sum += b;
      squares += b * b;
      errors += (a - b) ** 2;
    }
  }
  if (!count) return Number.POSITIVE_INFINITY;
  if (!errors) return 0;
  const variance = squares / count - (sum / count) ** 2;
  return Math.sqrt(errors / count / Math.max(variance, Number.MIN_VALUE));
}
