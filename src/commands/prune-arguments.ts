import type { Command } from 'commander';
import { IMPORTANCES, SCOPES } from './choices.js';
import {
  addOptions,
  CONFIG,
  DISPLAY,
  examples,
  judgedAgainst,
  type OptionGroup,
  type OptionRow,
  OUTPUT,
  oneOf,
  TRAINING,
  TRAINING_DATA,
  without,
} from './options.js';

/** Arguments of `nncompress prune`. */
export function pruneArguments(command: Command): Command {
  command
    .description('remove channels, layers or single weights that matter least, and prove what that did')
    .argument('[model]', 'ONNX file');
  const targets: OptionGroup = {
    heading: 'What is removed (one of these):',
    rows: [
      ['--macs <share>', 'channels, until this share of the multiply-accumulates is left: 0.5'],
      ['--parameters <share>', 'channels, until this share of the parameters is left'],
      ['--size <share>', 'channels, until the file is this share, or this many bytes: 0.5, 800kB'],
      ['--latency <share>', 'channels, until the measured time of one sample is this share'],
      ['--layers <n>', 'residual blocks or transformer layers, until so many are left'],
      ['--sparsity <share>', 'single weights (with --unstructured): this share of them becomes zero'],
      ['--unstructured', 'zeros anywhere in the weights, for runtimes that use them'],
      ['--pattern <n:m>', 'zeros in a pattern: of every m weights in a row n stay, such as 2:4'],
      [
        '--sensitivity <shares>',
        'nothing: measure what the model is worth without such shares of single layers: 0.25,0.5',
      ],
    ],
  };
  const pruning: OptionGroup = {
    heading: 'Pruning:',
    rows: [
      ['--importance <name>', `how is told what matters: ${oneOf(IMPORTANCES)} (default: by what is removed)`],
      ['--scope <name>', `${oneOf(SCOPES)}: compare all layers, or take the same share of each (default: global)`],
      ['--round <n>', 'channels left are multiples of n, or of what this machine computes well: auto (default: auto)'],
      ['--min-channels <n>', 'channels of a layer that stay at least (default: 1)'],
      ['--max-per-layer <share>', 'largest share of a layer that goes'],
      ['--include <pattern>', 'prune only layers of this name, with * and ?; repeatable', 'repeatable'],
      ['--exclude <pattern>', 'leave layers of this name as they are, with * and ?; repeatable', 'repeatable'],
      ['--sparse-initializers', 'store only the weights that are not zero, and where they are'],
      ['--steps <n>', 'prune and train by turns (default: 1; with --train and --max-drop 4)'],
      ['--calibration <path>', 'data to measure and to fit layers on, labelled or not'],
      ['--calibration-samples <n>', 'samples to take of it (default: 256)'],
    ],
  };
  const distilling: OptionGroup = {
    heading: 'Learning from the original:',
    rows: [
      ['--no-distill', 'learn from the labels alone'],
      ['--temperature <x>', 'what scores are divided by, so that small ones count (default: 2)'],
      ['--alpha <share>', 'share of the original in the loss, that of the labels is the rest (default: 0.5)'],
      ['--unlabelled <path>', 'further samples to learn from, whose labels are not looked at'],
      ['--teacher-cache <folder>', 'keep its outputs there for later runs (default: gone when done)'],
    ],
  };
  const epochs: OptionRow = ['--epochs <n>', 'times that the data is gone through after each step (default: 2)'];
  const training = without(TRAINING, 'epochs', 'keep-zeros');
  addOptions(command, [
    ...[targets, pruning, TRAINING_DATA, distilling, { ...training, rows: [epochs, ...training.rows] }],
    ...judgedAgainst('the original'),
    ...[OUTPUT, CONFIG, DISPLAY],
  ]);
  return command.addHelpText(
    'after',
    examples(
      'prune model.onnx --macs 0.5 --data test/ --train train/ -o pruned.onnx',
      'prune model.onnx --macs 0.5 --data test/ --calibration images/      # no training, no labels',
      'prune model.onnx --parameters 0.3 --max-drop 0.01 --data test/      # as far as the gate allows',
      'prune model.onnx --layers 2 --data test.csv --train train.csv',
      'prune model.onnx --sensitivity 0.25,0.5 --data test/ --calibration images/ --report sensitivity.html',
    ),
  );
}
