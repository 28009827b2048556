import { type Command, Option } from 'commander';
import {
  BATCH_NORMS,
  CHANNEL_ORDERS,
  CLASS_WEIGHTS,
  DEVICES,
  FEATURES,
  INTERPOLATIONS,
  LAUNCHERS,
  OPTIMIZERS,
  PADDINGS,
  RESIZE_MODES,
  SCHEDULES,
} from './choices.js';

/** One option as a command declares it: flags, help and, where it may be repeated, that. */
export type OptionRow = readonly [flags: string, help: string, kind?: 'repeatable'];

/** A heading in `--help` and the options below it. */
export interface OptionGroup {
  heading: string;
  rows: readonly OptionRow[];
}

/** Writes a list of words for a help text. */
export const oneOf = (words: readonly string[]): string => words.join(', ');

/** Where the data is and how it is read. */
export const DATA: OptionGroup = {
  heading: 'Data:',
  rows: [
    ['--data <path>', 'labelled test data: a folder, CSV, JSONL, Parquet, IDX or NPZ'],
    ['--input-column <name>', 'column of images or sounds: file names, or bytes in Parquet'],
    ['--text-column <name>', 'column that holds the text'],
    ['--pair-column <name>', 'column that holds the second text of a pair'],
    ['--label-column <name>', 'column that holds the label'],
    ['--delimiter <char>', 'separator of the columns (default: read off the header)'],
    ['--split <name>', 'part to take where the data has several, such as test'],
    ['--labels <file>', 'class names in the order of the outputs: labels.txt or config.json'],
    ['--limit <n>', 'use only the first n samples'],
    ['--skip-bad-samples', 'leave out and count samples that cannot be read'],
  ],
};

/** How samples become inputs; what is not given comes from the files beside the model. */
export const PREPROCESSING: OptionGroup = {
  heading: 'Preprocessing (default: from the files beside the model):',
  rows: [
    ['--resize <size>', 'size that images are resized to: 224 (shorter edge) or 224x320 (height x width)'],
    ['--crop <size>', 'size of the centre crop: 224 or 224x224'],
    ['--resize-mode <how>', oneOf(RESIZE_MODES)],
    ['--interpolation <how>', oneOf(INTERPOLATIONS)],
    [
      '--scale <factor>',
      'factor that pixels are multiplied by (default: 1/255, or 1 where the model scales them itself)',
    ],
    ['--mean <list>', 'subtracted, per channel for images: 0.485,0.456,0.406'],
    ['--std <list>', 'divided by, per channel for images: 0.229,0.224,0.225'],
    ['--channels <order>', oneOf(CHANNEL_ORDERS)],
    ['--layout <order>', 'order of the axes, as NCHW, NHWC, NTF (default: read off the model)'],
    ['--max-length <n>', 'tokens or sound samples that an input is cut to'],
    ['--padding <how>', `texts are filled up to the ${oneOf(PADDINGS)} length`],
    ['--features <kind>', `what an audio model takes: ${oneOf(FEATURES)}`],
    ['--sample-rate <hz>', 'rate that an audio model takes'],
    ['--mel-bins <n>', 'mel filters of log-mel features'],
  ],
};

/** How models are run. */
export const RUNNING: OptionGroup = {
  heading: 'Running:',
  rows: [
    ['--device <name>', `where models run: ${oneOf(DEVICES)} (default: cpu)`],
    ['--threads <n>', 'threads of one operator (default: all cores)'],
    [
      '--workers <n>',
      'copies of the model, one thread each, that share the work (default: one per core where that is exact)',
    ],
    ['--seed <n>', 'seed of every random choice (default: 0)'],
  ],
};

/** Limits that decide the exit code. */
export const GATES: OptionGroup = {
  heading: 'Gates (exit code 1 where one fails):',
  rows: [
    ['--min-accuracy <x>', 'accuracy at least this, 0 to 1'],
    ['--min-recall <x>', 'macro recall at least this, or that of a class: cat=0.9; repeatable', 'repeatable'],
    ['--min-f1 <x>', 'macro F1 at least this'],
    ['--max-size <bytes>', 'model file at most this: 800000, 1MB, 512KiB'],
    ['--max-latency <time>', 'median latency of one sample at most this: 5, 5ms, 1.5s'],
    ['--max-peak-memory <bytes>', 'memory of the whole run at most this'],
    ['--baseline <report>', 'JSON report whose metrics may not become worse'],
    ['--tolerance <x>', 'how much worse quality may be than the baseline: 0.01 is one point (default: 0)'],
    ['--cost-tolerance <x>', 'how much larger or slower than the baseline (default: 10%)'],
  ],
};

/** Limits on what a compressed model may lose against its original. */
export const COMPARISON_GATES: readonly OptionRow[] = [
  ['--max-drop <x>', 'accuracy at most this below the original: 0.01 is one point'],
  ['--confidence <x>', 'confidence of intervals, 0 to 1 (default: 0.95)'],
  ['--min-speedup <x>', 'latency of the original over that of the result at least this'],
];

/** What is learnt from. */
export const TRAINING_DATA: OptionGroup = {
  heading: 'Training data:',
  rows: [
    ['--train <path>', 'labelled data to learn from'],
    ['--validation <path>', 'labelled data that decides which epoch is kept'],
    ['--hold-out <share>', 'share of the training data that does, where none is named (default: 10%)'],
    ['--augment <list>', 'random changes of samples: none, auto, or a list such as crop=2,erase=0.25 (default: none)'],
    ['--class-weights <how>', `${oneOf(CLASS_WEIGHTS)}: rare classes count as much as others (default: none)`],
  ],
};

/** How is trained. */
export const TRAINING: OptionGroup = {
  heading: 'Training:',
  rows: [
    ['--epochs <n>', 'times that the data is gone through (default: 3)'],
    ['--batch <n>', 'samples of a batch (default: 64 images, 32 sounds, 16 texts)'],
    ['--accumulate <n>', 'batches whose gradients make one update (default: 1)'],
    ['--optimizer <name>', `${oneOf(OPTIMIZERS)} (default: adamw)`],
    ['--lr <rate>', 'learning rate (default: 0.001)'],
    ['--schedule <name>', `how it moves: ${oneOf(SCHEDULES)} (default: cosine)`],
    ['--warmup <share>', 'share of the updates over which it rises (default: 5%)'],
    ['--weight-decay <x>', 'pull of weights towards zero; biases and norms are spared (default: 0.01)'],
    ['--momentum <x>', 'momentum of sgd (default: 0.9)'],
    ['--nesterov', "Nesterov's momentum"],
    ['--clip-norm <x>', 'largest norm of the gradient'],
    ['--ema <x>', 'take the moving average of the weights: share kept at each update, such as 0.999'],
    ['--label-smoothing <x>', 'share of a target that is spread over all classes'],
    ['--batch-norm <how>', `statistics of batch normalizations: ${oneOf(BATCH_NORMS)} (default: train)`],
    ['--checkpointing', 'less memory, more time: compute again what the backward pass needs'],
    ['--keep-zeros', 'weights that are zero, as those that were pruned, stay zero'],
    ['--patience <n>', 'end after so many epochs without a better score'],
    ['--pipeline <n>', 'cut the model into n stages that train as a pipeline, each in a thread or process of its own'],
    [
      '--micro-batches <n>',
      'parts of a batch that follow one another through the stages (default: of 16 rows and more, at most 4 for each stage)',
    ],
    [
      '--launcher <name>',
      `${oneOf(LAUNCHERS)}: one copy or stage in each process that mpirun started (default: local)`,
    ],
    ['--resume', 'go on from where an interrupted run stood'],
    ['--checkpoint-every <seconds>', 'how often a run is saved (default: 60)'],
  ],
};

/** Limits, with those on what may be lost against another model. */
const gatesAgainst = (other: string): OptionGroup => ({
  ...GATES,
  rows: [
    ...COMPARISON_GATES.map(([flags, help]): OptionRow => [flags, help.replace('the original', other)]),
    ...GATES.rows,
  ],
});

/** Whether latency is measured. */
export const BENCHMARK: OptionGroup = {
  heading: RUNNING.heading,
  rows: [['--no-benchmark', 'do not measure latency']],
};

/** Options of commands that judge a model beside another one: data, how models are run, and limits on what may be lost. */
export const judgedAgainst = (other: string): OptionGroup[] => [
  DATA,
  PREPROCESSING,
  RUNNING,
  BENCHMARK,
  gatesAgainst(other),
];

/** What is written, and where. */
export const OUTPUT: OptionGroup = {
  heading: 'Output:',
  rows: [
    ['-o, --output <file>', 'model to write'],
    ['--report <file>', 'write a report, in the format of its ending; repeatable', 'repeatable'],
    ['--json', 'print the result as JSON'],
    ['--force', 'replace files that exist'],
    ['--dry-run', 'say what would be done, and write nothing'],
  ],
};

/** Where options come from that are not given. */
export const CONFIG: OptionGroup = {
  heading: 'Config:',
  rows: [
    ['--config <file>', 'take what is not given from a config file, or from a report: the same run again'],
    ['--job <name>', 'the job of the config file to take, where it has several'],
  ],
};

/** How much is said. */
export const DISPLAY: OptionGroup = {
  heading: 'Display:',
  rows: [
    ['-q, --quiet', 'no progress, no notes'],
    ['-v, --verbose', 'say more; with errors, where they arose'],
    ['--no-color', 'no colours (also NO_COLOR, FORCE_COLOR)'],
  ],
};

/** Lines below the options in `--help`. */
export const examples = (...lines: string[]): string =>
  `\nExamples:\n${lines.map((line) => `  $ nncompress ${line}\n`).join('')}`;

/** Takes some of a group's options, by the long name without dashes. */
export function only(group: OptionGroup, ...names: string[]): OptionGroup {
  return { ...group, rows: group.rows.filter(([flags]) => names.includes(longName(flags))) };
}

/** Leaves some of a group's options out. */
export function without(group: OptionGroup, ...names: string[]): OptionGroup {
  return { ...group, rows: group.rows.filter(([flags]) => !names.includes(longName(flags))) };
}

/** Names other defaults in the help of a group's options. */
export function withDefaults(group: OptionGroup, defaults: Readonly<Record<string, string>>): OptionGroup {
  const rows = group.rows.map(([flags, help, kind]): OptionRow => {
    const value = defaults[longName(flags)];
    return [flags, value === undefined ? help : help.replace(/\(default: .*\)/, `(default: ${value})`), kind];
  });
  return { ...group, rows };
}

/** Declares groups of options on a command, each under its heading. */
export function addOptions(command: Command, groups: readonly OptionGroup[]): Command {
  for (const { heading, rows } of groups)
    for (const [flags, help, kind] of rows) {
      const option = new Option(flags, help).helpGroup(heading);
      if (kind === 'repeatable') option.argParser((value: string, all: string[] = []) => [...all, value]);
      command.addOption(option);
    }
  return command;
}

function longName(flags: string): string {
  return /--([\w-]+)/.exec(flags)![1]!;
}
