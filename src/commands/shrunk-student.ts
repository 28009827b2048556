import { measureCost } from '../analysis/cost.js';
import { findResidualLayers, type ResidualLayer } from '../analysis/residual-layers.js';
import { inferSymbolicShapes } from '../analysis/symbolic-shapes.js';
import { transformerLayers } from '../analysis/transformer-layers.js';
import { firstSamples, sampleOf, type TaskData } from '../data/task.js';
import { UserError } from '../errors.js';
import type { Model } from '../ir/model.js';
import { encodeModel } from '../onnx/write.js';
import { dropLayers, evenLayers, prepareForDepth } from '../passes/prune/drop-layers.js';
import { CRITERIA } from '../passes/prune/importance/index.js';
import { ChannelPruning } from '../passes/prune/prune-channels.js';
import { prepareForTraining } from '../training/prepare.js';
import type { CommandContext } from './context.js';
import type { DistillOptions } from './distill-options.js';
import type { Teacher } from './distill-teachers.js';
import type { NewStudents } from './new-student.js';
import { filesFor } from './student-files.js';
import { deriveWorkbench } from './workbench.js';

/** A smaller form of a model, with weights of its own. */
interface Shrunk {
  model: Model;
  /** What is left of its groups of channels, or of its layers. */
  widths: number[];
  about: string;
}

/** Training samples that channels are chosen and layers are fitted by, and how many at a time. */
const SAMPLES = 256;
const BATCH = 16;

/**
 * The first teacher, with fewer layers where it is a transformer (as in DistilBERT, Sanh et al. 2019) and with fewer
 * channels elsewhere, as a student. It begins with the weights that are left: of channels, those that matter most, and
 * what takes them is fitted anew to some of the training samples, whose labels are not looked at.
 * @param data samples to learn from, as the teacher takes them.
 * @throws UserError where it cannot be made so small, or not be trained
 */
export async function shrunkTeacher(
  teacher: Teacher,
  data: TaskData,
  output: string,
  options: DistillOptions,
  context: CommandContext,
): Promise<NewStudents> {
  const { bench } = teacher;
  const share = options.shrink!;
  await prepareForTraining(bench.model); // refuses what cannot be trained, before anything is measured
  const task = context.progress.start('shrinking the teacher');
  const { model, widths, about } = (await fewerLayers(bench.model, share)) ?? (await thinner(teacher, data, options));
  task.done();
  const own = await deriveWorkbench(bench, model, options);
  const { parameters, macs } = await measureCost(model);
  const size = { widths, parameters, macs, bytes: encodeModel(model).length };
  return {
    students: [
      {
        template: { name: 'shrunk', about },
        size,
        bench: { ...own, path: output, open: (samples) => own.open(samples, bench.path) },
      },
    ],
    leftOut: [],
    files: await filesFor(output, bench.path, data, undefined, options.force),
  };
}

/** Leaves out transformer layers, evenly; undefined where there are not two at least. */
export async function fewerLayers(original: Model, share: number): Promise<Shrunk | undefined> {
  const model = await prepareForDepth(original);
  const { facts } = await inferSymbolicShapes(model);
  if (transformerLayers(model, facts).hiddenStates.length < 2) return undefined;
  const { layers, refused } = findResidualLayers(model, facts);
  const count = layers.length + refused.length;
  if (layers.length < 2) return undefined;
  const kept = Math.max(1, Math.round(share * count));
  const drop = count - kept;
  if (drop > layers.length || !drop) throw tooFew(original, count, layers.length, kept);
  const even = evenLayers(layers.length, layers.length - drop);
  const dropped: ResidualLayer[] = layers.filter((_, place) => !even.has(place));
  return {
    model: dropLayers(model, dropped),
    widths: [kept],
    about: `the teacher with ${kept} of its ${count} layers`,
  };
}

function tooFew({ source }: Model, count: number, free: number, kept: number): UserError {
  return new UserError(`has ${count} layers, of which ${free} can be left out, and ${kept} are to stay`, {
    file: source?.path,
    mend: 'give another share with --shrink',
  });
}

/** Removes channels down to a share of the parameters. */
async function thinner({ bench }: Teacher, data: TaskData, { shrink, seed }: DistillOptions): Promise<Shrunk> {
  const indices = sampleOf(data, Math.min(SAMPLES, firstSamples(data).length), seed);
  const batches = async function* () {
    for await (const { feeds } of data.stream(indices, data.fixedBatch ?? BATCH)) yield feeds;
  };
  const pruning = await ChannelPruning.prepare(bench.model, {
    ...{ criterion: CRITERIA.reconstruction, seed, batches },
    session: bench.session,
  });
  const budget = pruning.budget('parameters', shrink!);
  if (!budget.isReached)
    throw new UserError(`its channels can be thinned out to ${Math.ceil(100 * budget.share)} % of its parameters`, {
      file: `--shrink ${shrink}`,
      mend: 'give a larger share, or have a student built with --student',
    });
  const { model, groups } = await pruning.prune(budget, { batches, session: bench.session });
  const [before, after] = [groups.map((group) => group.before), groups.map((group) => group.after)].map((all) =>
    all.reduce((sum, channels) => sum + channels, 0),
  );
  return {
    model,
    widths: groups.map((group) => group.after),
    about: `the teacher with ${after} of ${before} channels`,
  };
}
