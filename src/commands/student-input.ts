import { type ImageLayout, imageLayout } from '../data/image-layout.js';
import type { TaskData } from '../data/task.js';
import type { ClipForm, InputSpec } from '../data/types.js';
import { UserError } from '../errors.js';
import type { NamedValues } from '../ir/types.js';
import type { Axis, GridInput, InputValue, StudentInput } from '../students/input.js';
import type { DistillOptions } from './distill-options.js';
import type { Teacher } from './distill-teachers.js';
import { featuresFor, type StudentFeed, typicalFeeds } from './student-features.js';

/** What students that are no teachers' look-alikes take: whose inputs are made here. */
const OF_SOUNDS: readonly StudentInput['kind'][] = ['waveform', 'spectrogram'];

/**
 * What a student is fed: the input of the teacher, where a student of this kind takes such. One of sounds may take the
 * raw waveform where its teacher takes features, or the other way round.
 * @param data samples as the teacher takes them.
 * @param suits kinds of inputs that the student takes.
 * @returns undefined where it takes no such samples
 * @throws UserError where the teacher's input is one that no student takes
 */
export async function feedOf(
  teacher: Teacher,
  data: TaskData,
  suits: readonly StudentInput['kind'][],
  options: DistillOptions,
): Promise<StudentFeed | undefined> {
  const input = await inputOf(teacher, data, options);
  if (suits.includes(input.kind)) return { input };
  const other = OF_SOUNDS.find((kind) => suits.includes(kind));
  const { clip } = data.preprocessor;
  return clip && other ? featuresFor(other as 'waveform' | 'spectrogram', clip, teacher, data, options) : undefined;
}

/** The input of a teacher, as one of a student. @throws UserError where no student takes such */
export async function inputOf({ bench }: Teacher, data: TaskData, options: DistillOptions): Promise<StudentInput> {
  const specs = bench.info.inputs.map(({ name, type, dims }) => ({ name, type: type as InputSpec['type'], dims }));
  const specOf = (name: string) => specs.find((spec) => spec.name === name)!;
  const { text, clip, form } = data.preprocessor;
  const feeds = await typicalFeeds(data);
  const [only] = specs;
  switch (data.dataset.kind) {
    case 'image':
      return {
        ...pictureOf(only!, feeds, imageLayout(only!, options.layout?.toUpperCase() as ImageLayout['layout'])),
        factor: form?.kind === 'image' && form.factors.every(keepsPixels) ? 1 / 255 : undefined,
      };
    case 'audio':
      return soundsOf(clip!, specOf(clip!.input), form?.kind === 'log-mel', feeds);
    case 'text':
      if (text) {
        const mask = text.mask === undefined ? undefined : specOf(text.mask);
        return { kind: 'tokens', ids: specOf(text.ids), mask, vocabulary: text.vocabulary(), padding: text.padding };
      }
      break;
    case 'arrays':
      if (specs.length === 1 && isNumeric(only!)) return arrayOf(only!, feeds);
  }
  const shown = specs.map(({ name, type, dims }) => `${name} ${type}[${dims.map((dim) => dim ?? '?')}]`);
  throw new UserError(`no student can be made for its inputs: ${shown.join(', ')}`, {
    file: bench.path,
    mend: 'name a student of your own: an ONNX file',
  });
}

/** True for a factor that leaves pixels as large numbers, which the teacher scales itself and its student has to as well. */
const keepsPixels = (factor: number) => factor * 255 > 20;

/** Lengths of axes, in the order of a value's. */
function sizesOf(axes: string, dims: readonly number[]): GridInput['sizes'] {
  return Object.fromEntries([...axes].map((axis, k) => [axis as Axis, dims[k]!]));
}

function pictureOf(value: InputValue, feeds: NamedValues, { layout, channels, height, width }: ImageLayout): GridInput {
  const { dims } = feeds[value.name]!;
  if (dims.length === 2) return { kind: 'image', value, axes: layout, sizes: { C: channels, H: height, W: width } };
  const axes = dims.length === 3 ? 'NHW' : layout;
  return { kind: 'image', value, axes, sizes: sizesOf(axes, dims) };
}

function soundsOf({ axes, sampleRate }: ClipForm, value: InputValue, isLogMel: boolean, feeds: NamedValues): GridInput {
  const sizes = sizesOf(axes, feeds[value.name]!.dims);
  return { kind: isLogMel ? 'spectrogram' : 'waveform', value, axes, sizes, sampleRate };
}

const isNumeric = ({ type }: InputSpec) => !['string', 'int32', 'int64'].includes(type);

/** Plain arrays by their number of axes: rows, rows over time, or pictures with the shorter of the outer axes as channels. */
function arrayOf(value: InputValue, feeds: NamedValues): GridInput {
  const { dims } = feeds[value.name]!;
  const grid = (kind: GridInput['kind'], axes: string): GridInput => ({
    kind,
    value,
    axes,
    sizes: sizesOf(axes, dims),
  });
  if (dims.length === 4) return grid('image', dims[3]! < dims[1]! ? 'NHWC' : 'NCHW');
  if (dims.length === 3) return grid('sequence', 'NTF');
  if (dims.length === 2) return grid('vector', 'NF');
  throw new UserError(`input '${value.name}' has ${dims.length} axes; students take 2 to 4`, {
    mend: 'name a student of your own: an ONNX file',
  });
}
