import type { Command } from 'commander';
import { DOMAIN_FITS, UNCERTAINTIES } from './choices.js';
import {
  addOptions,
  CONFIG,
  DISPLAY,
  examples,
  judgedAgainst,
  type OptionGroup,
  OUTPUT,
  oneOf,
  only,
  TRAINING,
  TRAINING_DATA,
  withDefaults,
  without,
} from './options.js';

/** Arguments of `nncompress adapt`. */
export function adaptArguments(command: Command): Command {
  command
    .description('make a model spend less on easy inputs, or fit a new domain, and show what that did')
    .argument('[model]', 'ONNX file');
  const what: OptionGroup = {
    heading: 'How the model is adapted:',
    rows: [
      [
        '--cascade <file>',
        'smaller model that runs first, and the model only where that is unsure; of several, the smallest first: repeatable',
        'repeatable',
      ],
      ['--early-exit', 'add exits to the model and train them: easy samples leave early'],
      [
        '--slim <shares>',
        'train the model at several widths at once, such as 1,0.75,0.5: one file, with an input that chooses',
      ],
    ],
  };
  const widths: OptionGroup = {
    heading: 'Several widths:',
    rows: [['--separate', 'write a file for each narrower width, too']],
  };
  const exits: OptionGroup = {
    heading: 'Early exits:',
    rows: [
      ['--exits <n>', 'exits that are added at most; those that save nothing are left out (default: 4)'],
      ['--exit-at <value>', 'add one behind this value of the model; repeatable', 'repeatable'],
      ['--joint', 'train the model itself, too, together with its exits; then the last exit is no longer the original'],
    ],
  };
  const course = withDefaults(only(TRAINING, 'epochs', 'batch', 'lr', 'resume'), {
    epochs: 'for exits alone enough for 2,000 updates, else 3',
    batch: 'for exits alone 64, else 64 images, 32 sounds, 16 texts',
    lr: 'for exits alone 0.002, for a new domain 0.003, else 0.001',
  });
  const training = { ...course, rows: [...course.rows, ...only(TRAINING_DATA, 'augment').rows] };
  const thresholds: OptionGroup = {
    heading: 'Thresholds:',
    rows: [
      ['--train <path>', 'training data'],
      ['--validation <path>', 'data that thresholds are chosen on (default: training data)'],
      ['--hold-out <share>', 'share of the training data that exits do not see, for thresholds (default: 10 to 30%)'],
      [
        '--macs <share>',
        'mean multiply-accumulates of a sample at most this share of the original (default: by --max-drop)',
      ],
      ['--measure <name>', `how uncertainty is measured: ${oneOf(UNCERTAINTIES)} (default: auto)`],
      ['--thresholds <list>', 'do not choose, take these: 0 lets no sample leave early, 1 all'],
    ],
  };
  const domain: OptionGroup = {
    heading: 'New domain:',
    rows: [
      ['--domain <path>', 'samples of the new domain that the model is made to fit; labels are not looked at'],
      ['--source <path>', 'samples of the old domain, for models whose batch normalizations were folded'],
      ['--source-test <path>', 'labelled data of the old domain, to see what adapting costs there'],
      ['--fit <how>', `${oneOf(DOMAIN_FITS)}: statistics of normalizations, entropy of predictions (default: auto)`],
      ['--prior <n>', 'samples that the old statistics count for beside those of the new domain (default: 16)'],
    ],
  };
  const output = without(OUTPUT, 'dry-run');
  const groups = [what, exits, training, thresholds, domain, widths, ...judgedAgainst('the original')];
  addOptions(command, [...groups, output, CONFIG, DISPLAY]);
  return command.addHelpText(
    'after',
    examples(
      'adapt --cascade small.onnx large.onnx --data test/ --validation val/ --max-drop 0.005 -o cascade.onnx',
      'adapt --cascade small.onnx large.onnx --data test/ --train train/ --macs 0.3',
      'adapt model.onnx --early-exit --train train/ --data test/ --max-drop 0.005 -o adaptive.onnx',
      'adapt model.onnx --early-exit --joint --train train/ --validation val/ --data test/ -o adaptive.onnx',
      'adapt model.onnx --domain new-samples/ --source train/ --data new-test/ -o adapted.onnx',
      'adapt model.onnx --slim 1,0.75,0.5 --train train/ --data test/ -o slim.onnx',
    ),
  );
}
