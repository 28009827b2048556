import { embedClassNames } from '../data/labels.js';
import type { TaskData } from '../data/task.js';
import { UserError } from '../errors.js';
import { summarizeLatency } from '../evaluate/ratio.js';
import type { Model } from '../ir/model.js';
import { encodeModel } from '../onnx/write.js';
import { cleanupPasses } from '../passes/cleanup/index.js';
import { runPasses } from '../passes/pass.js';
import type { LatencySeries } from '../runtime/latency.js';
import { buildStudent, type StudentSpec } from '../students/build.js';
import type { StudentInput } from '../students/input.js';
import type { StudentSize } from '../students/size.js';
import { TEMPLATES, templatesFor } from '../students/table.js';
import type { StudentTemplate } from '../students/template.js';
import { AUTO, type DistillOptions, parseStudent } from './distill-options.js';
import type { Teacher } from './distill-teachers.js';
import type { StudentFeed } from './student-features.js';
import { filesFor, type StudentFile } from './student-files.js';
import { feedOf, inputOf } from './student-input.js';
import { fastEnough, sizeOf, sizeWanted } from './student-size.js';
import { latencyFeeds, measureFiles } from './verify.js';
import { deriveWorkbench, type Workbench } from './workbench.js';

/** A student that was built, from a template or from the teacher. */
export interface NewStudent {
  template: Pick<StudentTemplate, 'name' | 'about'>;
  size: Omit<StudentSize, 'scale'>;
  bench: Workbench;
}

/** Students that were built for one task: one that is named, or all that suit. */
export interface NewStudents {
  students: readonly NewStudent[];
  /** Why a template that suits is not among them. */
  leftOut: readonly { template: StudentTemplate; reason: string }[];
  /** What has to lie beside the one that is written. */
  files: readonly StudentFile[];
}

/**
 * Builds students from the template that options name, or from all that suit the task, for the samples and the classes of
 * a teacher.
 * @param data samples to learn from, as the teacher takes them.
 * @throws UserError where no template takes such samples, or can be made as small as is asked
 */
export async function newStudents(
  teacher: Teacher,
  data: TaskData,
  output: string,
  options: DistillOptions,
): Promise<NewStudents> {
  const { template: name, size: named } = parseStudent(options.student!)!;
  const { feed, templates } = await feedFor(name, teacher, data, options);
  const wanted = await sizeWanted(named, teacher.bench, options);
  const students: NewStudent[] = [];
  const leftOut: { template: StudentTemplate; reason: string }[] = [];
  for (const template of templates) {
    const spec = specOf(template, feed.input, data);
    const build = (size: StudentSize) => benchOf(spec, size, feed, teacher, output, options);
    try {
      let size = await sizeOf(spec, wanted);
      if (name === AUTO && options.maxLatency !== undefined && options.benchmark)
        size = await fastEnough(spec, size, options.maxLatency, async (one) => {
          const bench = await build(one);
          return (await latenciesOf([bench], await bench.open(data.dataset)))[0]!;
        });
      const { scale, ...cost } = size;
      students.push({ template, size: cost, bench: await build(size) });
    } catch (error) {
      if (!(error instanceof UserError) || name !== AUTO) throw error;
      leftOut.push({ template, reason: error.message });
      if (leftOut.length === templates.length) throw noneSuits(leftOut, error);
    }
  }
  return { students, leftOut, files: await filesFor(output, teacher.bench.path, data, feed.config, options.force) };
}

/** Tells of the last of templates that were all left out. */
function noneSuits(leftOut: NewStudents['leftOut'], last: UserError): UserError {
  if (leftOut.length === 1) return last;
  const names = leftOut.map(({ template }) => template.name);
  return new UserError(`none of ${names.join(', ')} can be made small enough: ${last.what}`, last.place);
}

/** The template of a name, or all that take what the teacher takes; and what they are fed. */
async function feedFor(
  name: string,
  teacher: Teacher,
  data: TaskData,
  options: DistillOptions,
): Promise<{ feed: StudentFeed; templates: readonly StudentTemplate[] }> {
  if (name === AUTO) {
    const input = await inputOf(teacher, data, options);
    return { feed: { input }, templates: templatesFor(input.kind) };
  }
  const template = TEMPLATES.find((one) => one.name === name)!;
  const feed = await feedOf(teacher, data, template.suits, options);
  if (feed) return { feed, templates: [template] };
  throw unsuitable(template, await inputOf(teacher, data, options));
}

function unsuitable({ name, suits }: StudentTemplate, { kind }: StudentInput): UserError {
  const others = templatesFor(kind).map((one) => one.name);
  return new UserError(`${name} takes ${suits.join(' or ')} inputs, those of the teacher are ${kind}`, {
    file: '--student',
    mend: `name one of ${others.join(', ')}, or an ONNX file`,
  });
}

function specOf(template: StudentTemplate, input: StudentInput, { kind, labels }: TaskData): StudentSpec {
  const { classes } = labels;
  const metadata = new Map<string, string>();
  if (classes.some((name, index) => name !== String(index))) embedClassNames(metadata, classes);
  const outputs = kind === 'binary' ? 1 : classes.length;
  return { template, input, outputs, independent: kind !== 'single-label', metadata };
}

/** A student beside its output, where it is not yet, with the preprocessing of its teacher or its own. */
async function benchOf(
  spec: StudentSpec,
  { scale }: StudentSize,
  { config }: StudentFeed,
  { bench }: Teacher,
  output: string,
  options: DistillOptions,
): Promise<Workbench> {
  const model = buildStudent(spec, scale, options.seed);
  const own = await deriveWorkbench(bench, model, { ...options, preprocessorConfig: config });
  return { ...own, path: output, open: (data) => own.open(data, bench.path) };
}

/** Milliseconds at the median that students will take for one sample, once they are written; measured in turns. */
export async function latenciesOf(benches: readonly Workbench[], data: TaskData): Promise<number[]> {
  const [first] = benches;
  const feeds = await latencyFeeds(first!, data);
  const sources = await Promise.all(benches.map(async ({ model }) => encodeModel(await withoutNorms(model))));
  const [{ milliseconds, batch }] = (await measureFiles(first!, sources, feeds.slice(0, 1))) as [LatencySeries];
  return milliseconds.map((one) => summarizeLatency(one, batch).medianMs);
}

/** A trained student as it is written: its batch normalizations are part of the weights beside them. */
export async function withoutNorms(model: Model): Promise<Model> {
  const folded = model.clone();
  await runPasses(folded, cleanupPasses);
  return folded;
}
