import {
  formatDuration,
  formatFactor,
  formatFixed,
  formatNumber,
  formatPercent,
  formatPlain,
  formatPoints,
  optional,
  printable,
  shortenPath,
} from './format.js';
import type { Comparison, Interval, ModelReport, NodeReport, Report } from './schema.js';

/** Decisions that make a node compute in integers. */
const INTEGER_DECISIONS: readonly string[] = ['static', 'dynamic'];

/** The paths of what went in and what came out, one where they are the same. */
export function modelPaths(report: Report): string[] {
  return [...new Set(pairOf(report).map(({ path }) => path))];
}

/** The model that another one is compared with: the original or, of a model made from nothing, its teacher. */
export function baseOf(models: readonly ModelReport[]): ModelReport | undefined {
  return ['original', 'teacher'].map((role) => models.find((model) => model.role === role)).find((found) => found);
}

/** The models to tell apart in detail: what is compared with and, where there is one, the compressed model. */
export function pairOf({ models }: Report): ModelReport[] {
  const pair = [baseOf(models), models.find(({ role }) => role === 'compressed')].filter(
    (model) => model !== undefined,
  );
  return pair.length ? pair : models.slice(0, 1);
}

/** What the first of two models is called beside the compressed one. */
export const baseRole = ({ models }: Report): string => baseOf(models)?.role ?? 'original';

/** What ran and how long: `quantize, 12 s`. */
export function runText({ command, seconds }: Report): string {
  return `${command}, ${formatFixed(seconds, seconds < 10 ? 1 : 0)} s`;
}

/**
 * What the figures rest on: samples and where they are from, what was left out, and where it ran.
 * @param width of the path of the data, in characters.
 */
export function factTexts({ data, machine }: Report, width = Number.POSITIVE_INFINITY): string[] {
  const classes = data?.classes ? `, ${counted(data.classes, 'class', 'es')}` : '';
  return [
    ...(data ? [`${formatFixed(data.samples)} samples of ${shortenPath(data.path, width)}${classes}`] : []),
    ...(data?.skipped ? [`${formatFixed(data.skipped)} skipped`] : []),
    `${machine.provider}, ${counted(machine.threads, 'thread')}`,
  ];
}

/** How predictions changed: `14 gained, 21 lost (may be chance: p = 0.31), 98.71 % the same`; empty where unknown. */
export function predictionText({ models, comparison }: Report): string {
  const agreement = models.find((model) => model.metrics?.agreement !== undefined)?.metrics?.agreement;
  const { changed } = comparison ?? {};
  return [
    ...(changed
      ? [`${formatFixed(changed.gained)} gained, ${formatFixed(changed.lost)} lost${chanceNote(comparison!)}`]
      : []),
    ...(agreement === undefined ? [] : [`${formatPercent(agreement)} the same`]),
  ].join(', ');
}

/** How training went: `3 epochs, epoch 2 the best; 162,000 samples in 15.2 s: 10,658 a second with 2 workers`. */
export function trainingText({ training }: Report): string {
  if (!training) return '';
  const { samples, epochs, seconds, samplesPerSecond, workers, bestEpoch } = training;
  const speed = `${formatNumber(samplesPerSecond)} a second with ${counted(workers, 'worker')}`;
  return (
    `${counted(epochs, 'epoch')}, epoch ${formatFixed(bestEpoch)} the best; ` +
    `${formatFixed(samples)} samples in ${formatDuration(1000 * seconds)}: ${speed}`
  );
}

/** What was pruned: `12 of 14 groups are narrower`, `80.00 % of 691,648 weights are zero`, `2 of 6 layers are left`. */
export function pruningText({ pruning }: Report): string {
  if (!pruning) return '';
  const { kind = 'channels', groups, left = [] } = pruning;
  const sum = (key: 'before' | 'after') => groups.reduce((total, group) => total + group[key], 0);
  const changed = groups.filter(({ before, after }) => after < before).length;
  const texts = {
    channels: `${formatFixed(changed)} of ${counted(groups.length, 'group')} of channels narrower: ${formatFixed(sum('after'))} of ${formatFixed(sum('before'))} channels left`,
    weights: `${formatPercent(1 - sum('after') / Math.max(sum('before'), 1))} of ${counted(sum('before'), 'weight')} zero, in ${counted(changed, 'layer')}`,
    layers: `${formatFixed(sum('after'))} of ${counted(groups.length, 'layer')} left`,
  };
  return left.length ? `${texts[kind]}; ${counted(left.length, 'layer')} had to stay` : texts[kind];
}

/** What each step cost, where there were several: `71.2 % of the multiply-accumulates left: 92.51 %, trained 92.60 %`. */
export function stepTexts({ pruning }: Report): string[] {
  const { kind, steps = [] } = pruning ?? {};
  if (steps.length < 2) return [];
  const key = kind === 'weights' ? 'sparsity' : 'macs';
  const percent = (value: unknown) => (typeof value === 'number' ? formatPercent(value) : '');
  return steps.map((step) => {
    const accuracies = [percent(step.accuracy), step.trained === undefined ? '' : `trained ${percent(step.trained)}`];
    const what = key === 'macs' ? 'of the multiply-accumulates left' : 'zeros';
    return `${percent(step[key])} ${what}: ${accuracies.filter(Boolean).join(', ')}`;
  });
}

/** How sensitivity was measured: `accuracy on 1,000 samples without a share of one group's channels, those that …`. */
export function sensitivityText({ sensitivity }: Report): string {
  if (!sensitivity) return '';
  const { measure, samples, whole, importance, groups } = sensitivity;
  const hasFitted = groups.some(({ points }) => points.some(({ fitted }) => fitted !== undefined));
  return (
    `${measure} on ${counted(samples, 'sample')} without a share of one group's channels, those that matter least by ` +
    `${printable(importance)}${hasFitted ? ': as removed → as fitted anew' : ''}; ${formatPercent(whole)} with all of them`
  );
}

/** What single groups are worth: `conv1, 64 channels: 25 % gone 91.20 % → 92.30 %; 50 % gone 88.10 % → 91.95 %`. */
export function groupTexts({ sensitivity }: Report): string[] {
  return (sensitivity?.groups ?? []).map(({ name, channels, points }) => {
    const texts = points.map(({ share, removed, fitted }) => {
      const again = fitted === undefined ? '' : ` → ${formatPercent(fitted)}`;
      return `${formatPlain(100 * share)} % gone ${formatPercent(removed)}${again}`;
    });
    return `${printable(name)}, ${counted(channels, 'channel')}: ${texts.join('; ')}`;
  });
}

/** What a teacher gave: `the teacher gave +1.2 points (+0.1 … +2.3) of accuracy over the student alone (86.8 %)`, and more. */
export function distillationTexts(report: Report): string[] {
  const { distillation } = report;
  if (!distillation) return [];
  const { agreement, trials, loss, chosen } = distillation;
  const { taught, alone } = chosen?.heldOut ?? {};
  const tried = trials ? `, the best of ${formatFixed(trials.length)} ways tried` : '';
  return [
    ...gainTexts(report),
    ...(taught === undefined || alone === undefined
      ? []
      : [`on held-out samples ${formatPercent(taught)} with the teacher, ${formatPercent(alone)} alone`]),
    ...(loss === 'none' ? [] : [`${recipeText(distillation)}${tried}`]),
    ...(agreement === undefined ? [] : [`${formatPercent(agreement)} as the teacher predicts`]),
  ];
}

/** Which student was taken: `ds-cnn of 3 students: ds-cnn 84.12 %, cnn 83.90 %, resnet 84.55 % after 4,000 samples`. */
export function studentsText({ distillation }: Report): string {
  const tried = (distillation?.candidates ?? []).filter(({ samples }) => samples !== undefined);
  const chosen = tried.find((one) => one.chosen);
  if (!chosen) return '';
  const each = tried.map(({ template, accuracy }) => `${printable(template)} ${optional(accuracy, formatPercent)}`);
  const after = `after ${counted(chosen.samples!, 'sample')}`;
  return `${printable(chosen.template)} of ${counted(tried.length, 'student')}: ${each.join(', ')} ${after}`;
}

/** Says which student was written, and what the teacher gave. */
function gainTexts({ distillation, models }: Report): string[] {
  const { againstAlone, chosen } = distillation!;
  const drop = againstAlone?.accuracyDrop;
  if (chosen?.student === 'alone') {
    const points = drop ? `, which with the teacher has ${pointsText(drop)} of accuracy` : '';
    return [`no teacher was better: what was written is the student trained alone${points}`];
  }
  const alone = models.find(({ role }) => role === 'student-alone')?.metrics?.accuracy;
  if (!drop || alone === undefined) return [];
  return [`the teacher gave ${pointsText(drop)} of accuracy over the student alone (${formatPercent(alone)})`];
}

/** How a student learnt, in a few words. */
function recipeText(distillation: NonNullable<Report['distillation']>): string {
  const { loss, temperature, alpha, alphaEnd, beta } = distillation;
  const share = `share of the teacher ${formatPlain(alpha)}${alphaEnd === undefined ? '' : ` to ${formatPlain(alphaEnd)}`}`;
  const others = beta === undefined ? [] : [`weight of other classes ${formatPlain(beta)}`];
  return [printable(loss), `temperature ${formatPlain(temperature)}`, share, ...others].join(', ');
}

/** Inner values that were compared with a teacher's: `features, weight 100: relu_1 with relu_4`. */
export function hintTexts({ distillation }: Report): string[] {
  return (distillation?.hints ?? []).map(
    ({ kind, student, teacher, weight }) =>
      `${printable(kind)}, weight ${formatPlain(weight)}: ${printable(student)} with ${printable(teacher)}`,
  );
}

/** How many of the samples that leave at an exit are right, and how many would be if all did. */
function rightText(accuracy: number | undefined, alone: number | undefined): string {
  const here = accuracy === undefined ? [] : [`${formatPercent(accuracy)} right`];
  const all = alone === undefined ? [] : [`${formatPercent(alone)} if all did`];
  const texts = [...here, ...all].join('; ');
  return texts && ` (${texts})`;
}

/**
 * What samples cost and where they leave: `2.4× fewer multiply-accumulates on average: 61 % of the samples leave at exit 1
 * (98 % right; 91 % if all did), 39 % at the last`.
 * @param detailed with what would be right if all samples left at an exit.
 */
export function adaptiveText({ adaptive }: Report, { detailed = false } = {}): string {
  if (!adaptive) return '';
  const exits = adaptive.exits.map(
    ({ name, share, accuracy, alone }) =>
      `${formatPercent(share)} at ${printable(name)}${rightText(share ? accuracy : undefined, detailed ? alone : undefined)}`,
  );
  const { length } = adaptive.dropped ?? [];
  const left = length
    ? `; ${counted(length, 'other exit')} saved nothing and ${length > 1 ? 'were' : 'was'} left out`
    : '';
  const spent = `${costText(adaptive.macsRatio)}: samples leave ${exits.join(', ')}${left}`;
  return [jointText(adaptive), spent].filter(Boolean).join(' ');
}

/** What the last exit is worth beside the original, where it was trained with the others; empty where it is the original. */
export function jointText({ original, exits }: NonNullable<Report['adaptive']>): string {
  const alone = exits.at(-1)?.alone;
  if (original === undefined || alone === undefined) return '';
  return `The model was trained with its exits: the last alone is ${formatPercent(alone)} right, the original ${formatPercent(original)}.`;
}

/** What thresholds gave where they were chosen; empty where they were given. */
export function chosenOnText({ chosenOn }: NonNullable<Report['adaptive']>): string {
  if (!chosenOn) return '';
  const { samples, path, macs, drop, high } = chosenOn;
  const points = (value: number) => formatPlain(Number((100 * value).toFixed(2)));
  const most = high === undefined ? '' : ` (${points(high)} with a standard error)`;
  return (
    `Thresholds were chosen on ${counted(samples, 'sample')} of ${path}, where they cost ${formatPercent(macs)} and lost ` +
    `${points(drop)} points${most}.`
  );
}

/** Exits that are not there: `The exit behind relu_2 was left out: 88.12 % right at 12 % of the cost saves nothing.` */
export function droppedTexts({ dropped = [] }: NonNullable<Report['adaptive']>): string[] {
  return dropped.map(
    ({ after, accuracy, macs }) =>
      `The exit behind ${printable(after)} was left out: ${formatPercent(accuracy)} right at ${formatPercent(macs)} of the ` +
      'cost saves nothing.',
  );
}

/** How the mean cost of a sample compares with the original's. */
export function costText(macsRatio: number): string {
  return macsRatio >= 1
    ? `${formatFactor(macsRatio)} fewer multiply-accumulates on average`
    : `${formatFactor(1 / macsRatio)} as many multiply-accumulates on average`;
}

/** What training gave: `+0.32 points (+0.05 … +0.60) of accuracy against post-training quantization (91.43 %)`. */
export function qatText({ quantization, models }: Report): string {
  const { accuracyDrop } = quantization?.qat?.againstPostTraining ?? {};
  const before = models.find(({ role }) => role === 'post-training')?.metrics?.accuracy;
  if (!accuracyDrop || before === undefined) return '';
  return `${pointsText(accuracyDrop)} of accuracy against post-training quantization (${formatPercent(before)})`;
}

/** A drop of a fraction as the change that it is: `+0.40 points (−1.81 … +2.77)`. */
export function pointsText({ value, low, high }: Interval): string {
  return `${formatPoints(-value)} points (${formatPoints(-high)} … ${formatPoints(-low)})`;
}

/** Says so where the test data is too small to tell the models apart. */
function chanceNote({ accuracyDrop, changed, mcnemarP }: Comparison): string {
  if (!accuracyDrop || accuracyDrop.low > 0 || accuracyDrop.high < 0) return '';
  if (!changed || changed.gained + changed.lost === 0) return '';
  return ` (may be chance${mcnemarP === undefined ? '' : `: p = ${formatFixed(mcnemarP, 2)}`})`;
}

/** What became of the nodes: `18 of 22 compute in integers (static); 3 float, 1 int8-storage`. */
export function nodeText(nodes: readonly NodeReport[]): string {
  const [integers, others] = [true, false].map((integer) =>
    tally(nodes.map((node) => node.decision).filter((word) => INTEGER_DECISIONS.includes(word) === integer)),
  ) as [Tally, Tally];
  const computed = integers.reduce((sum, [, number]) => sum + number, 0);
  const kinds = integers.length > 1 ? listed(integers) : (integers[0]?.[0] ?? '');
  const rest = others.length ? `; ${listed(others)}` : '';
  return `${computed} of ${nodes.length} compute in integers${kinds && ` (${kinds})`}${rest}`;
}

/** The integer kernels that the runtime uses, the most frequent first; empty where nothing was quantized. */
export function kernelText({ quantization }: Report): string {
  if (!quantization) return '';
  const kernels = Object.entries(quantization.integerKernels)
    .map(([type, count]): [string, number] => [type.slice(type.lastIndexOf('.') + 1), count])
    .sort(([, a], [, b]) => b - a);
  return listed(kernels) || 'no integer kernel in the runtime';
}

/** Words with how often each occurs. */
export type Tally = [word: string, number: number][];

/** Different words with how often they occur, the most frequent first. */
export function tally(words: readonly string[]): Tally {
  const numbers = new Map<string, number>();
  for (const word of words) numbers.set(word, (numbers.get(word) ?? 0) + 1);
  return [...numbers].sort(([, a], [, b]) => b - a);
}

/** Words with their numbers: `2 Conv, 1 Gemm`. */
export function listed(entries: readonly (readonly [word: string, number: number])[]): string {
  return entries.map(([word, number]) => `${formatFixed(number)} ${printable(word)}`).join(', ');
}

/** A number of things: `1 class`, `10 classes`. */
export function counted(number: number, noun: string, plural = 's'): string {
  return `${formatFixed(number)} ${noun}${number === 1 ? '' : plural}`;
}

/** The entry of a record under a name that may be any, such as "constructor"; undefined where there is none. */
export function entryOf<T>(record: Readonly<Record<string, T>> | undefined, name: string): T | undefined {
  return record && Object.hasOwn(record, name) ? record[name] : undefined;
}

/** Orders numbers upwards, absent ones last. */
export function ascending(a: number | undefined, b: number | undefined): number {
  if (a === b) return 0;
  return a === undefined ? 1 : b === undefined ? -1 : a - b;
}
