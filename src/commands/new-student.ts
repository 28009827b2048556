import { measureCost } from '../analysis/cost.js';
import { embedClassNames } from '../data/labels.js';
import type { TaskData } from '../data/task.js';
import { UserError } from '../errors.js';
import type { Model } from '../ir/model.js';
import { cleanupPasses } from '../passes/cleanup/index.js';
import { runPasses } from '../passes/pass.js';
import { formatFixed } from '../report/format.js';
import type { Report } from '../report/schema.js';
import { buildStudent, type StudentSpec } from '../students/build.js';
import type { StudentInput } from '../students/input.js';
import { largestWithin, NAMED_SIZES, type SizeLimits, type StudentSize, sizeAt } from '../students/size.js';
import { TEMPLATES, templatesFor } from '../students/table.js';
import type { StudentTemplate } from '../students/template.js';
import type { CommandContext } from './context.js';
import { type DistillOptions, parseStudent } from './distill-options.js';
import type { Teacher } from './distill-teachers.js';
import { filesFor, type StudentFile } from './student-files.js';
import { feedOf, inputOf } from './student-input.js';
import { deriveWorkbench, type Workbench } from './workbench.js';

/** A student that was built from a template. */
export interface NewStudent {
  bench: Workbench;
  /** What has to lie beside it. */
  files: StudentFile[];
  /** Its part of the report. */
  description: NonNullable<NonNullable<Report['distillation']>['student']>;
}

/**
 * Builds a student from the template that options name, for the samples and the classes of a teacher.
 * @param data samples to learn from, as the teacher takes them.
 * @throws UserError where the template does not take such samples, or cannot be made as small as is asked
 */
export async function newStudent(
  teacher: Teacher,
  data: TaskData,
  output: string,
  options: DistillOptions,
  context: CommandContext,
): Promise<NewStudent> {
  const { template: name, size: named } = parseStudent(options.student!)!;
  const template = TEMPLATES.find((one) => one.name === name)!;
  const feed = await feedOf(teacher, data, template.suits, options);
  if (!feed) throw unsuitable(template, await inputOf(teacher, data, options));
  const outputs = data.kind === 'binary' ? 1 : data.labels.classes.length;
  const spec = { template, input: feed.input, outputs, independent: data.kind !== 'single-label' };
  const size = await sizeOf(spec, named, teacher, options);
  const files = await filesFor(output, teacher.bench.path, data, feed.config, options.force);
  const model = buildStudent(spec, size.scale, options.seed);
  if (hasNames(data)) embedClassNames(model.metadata, data.labels.classes);
  const { bench } = teacher;
  const own = await deriveWorkbench(bench, model, { ...options, preprocessorConfig: feed.config });
  context.note(
    `the student is a new ${name} of ${formatFixed(size.parameters)} parameters, ${formatFixed(size.macs)} ` +
      `multiply-accumulates a sample: ${template.about}`,
  );
  const { scale, ...described } = size;
  return {
    bench: { ...own, path: output, open: (samples) => own.open(samples, bench.path) },
    files,
    description: { template: name, ...described },
  };
}

/** True where classes are known by names, not by numbers alone. */
const hasNames = ({ labels }: TaskData) => labels.classes.some((name, index) => name !== String(index));

function unsuitable({ name, suits }: StudentTemplate, { kind }: StudentInput): UserError {
  const others = templatesFor(kind).map((one) => one.name);
  return new UserError(`${name} takes ${suits.join(' or ')} inputs, those of the teacher are ${kind}`, {
    file: '--student',
    mend: `name one of ${others.join(', ')}, or an ONNX file`,
  });
}

/** The size asked for by name or by limits; a small one where neither is given. */
async function sizeOf(
  spec: StudentSpec,
  named: keyof typeof NAMED_SIZES | undefined,
  { bench }: Teacher,
  { parameters, macs }: DistillOptions,
): Promise<StudentSize> {
  if (parameters === undefined && macs === undefined) return sizeAt(spec, NAMED_SIZES[named ?? 'small']);
  if (named)
    throw new UserError(`says the size, as does ${parameters === undefined ? '--macs' : '--parameters'}`, {
      file: `--student ${spec.template.name}:${named}`,
      mend: `leave one out: --student ${spec.template.name}`,
    });
  return largestWithin(spec, await limitsOf(bench, { parameters, macs }));
}

/** Limits as numbers, where some are shares of what the teacher has. */
async function limitsOf({ model }: Workbench, limits: SizeLimits): Promise<SizeLimits> {
  if (Object.values(limits).every((limit) => limit === undefined || limit > 1)) return limits;
  const teacher = await measureCost(model);
  const absolute = (key: keyof SizeLimits) => (limits[key]! <= 1 ? limits[key]! * teacher[key] : limits[key]);
  return {
    ...(limits.parameters !== undefined && { parameters: absolute('parameters') }),
    ...(limits.macs !== undefined && { macs: absolute('macs') }),
  };
}

/** A trained student as it is written: its batch normalizations are part of the weights beside them. */
export async function withoutNorms(model: Model): Promise<Model> {
  const folded = model.clone();
  await runPasses(folded, cleanupPasses);
  return folded;
}
