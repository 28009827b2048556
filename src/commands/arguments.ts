import { Argument, type Command } from 'commander';
import {
  CALIBRATION_METHODS,
  DISTILLATION_LOSSES,
  HINT_KINDS,
  METHODS,
  PREFERENCES,
  SHELLS,
  STUDENTS,
  TARGETS,
} from './choices.js';
import {
  addOptions,
  BENCHMARK,
  CONFIG,
  DATA,
  DISPLAY,
  examples,
  GATES,
  judgedAgainst,
  type OptionGroup,
  OUTPUT,
  oneOf,
  only,
  PREPROCESSING,
  RUNNING,
  TRAINING,
  TRAINING_DATA,
  withDefaults,
  without,
} from './options.js';

const QUANTIZATION: OptionGroup = {
  heading: 'Quantization:',
  rows: [
    ['--method <name>', `${oneOf(METHODS)} (default: auto)`],
    ['--prefer <what>', `what auto looks for: ${oneOf(PREFERENCES)} (default: speed)`],
    ['--target <name>', `processor that the model is for: ${oneOf(TARGETS)} (default: the device)`],
    ['--include <pattern>', 'quantize only nodes of this name, with * and ?; repeatable', 'repeatable'],
    ['--exclude <pattern>', 'leave nodes of this name in float, with * and ?; repeatable', 'repeatable'],
    ['--ops <list>', 'quantize only these operators: Conv,MatMul'],
    ['--per-channel', 'a weight scale per output channel'],
    ['--per-tensor', 'one weight scale per tensor'],
    ['--symmetric', 'activations with the zero point in the middle'],
    ['--asymmetric', 'activations with any zero point'],
    ['--reduce-range', 'weights of 7 bits, for processors without VNNI'],
    ['--no-reduce-range', 'weights of 8 bits'],
    ['--block-size <n>', 'weights that share a scale in int4 (default: 32)'],
  ],
};

const CALIBRATION: OptionGroup = {
  heading: 'Calibration:',
  rows: [
    ['--calibration <path>', 'data to take activation ranges from, labelled or not'],
    ['--calibration-samples <n>', 'samples to take of it (default: 256)'],
    ['--calibration-method <name>', oneOf(CALIBRATION_METHODS)],
  ],
};

/** Arguments of `nncompress quantize`. */
export function quantizeArguments(command: Command): Command {
  command
    .description('make a model smaller and faster with integer weights and kernels, and prove what that did')
    .argument('[model]', 'ONNX file');
  const training: OptionGroup = {
    heading: 'Quantization-aware training:',
    rows: [
      ['--qat', 'train weights and ranges so that the quantized model gives what the float model does'],
      ...TRAINING_DATA.rows,
      ['--temperature <x>', 'what scores are divided by, so that small ones count (default: 4)'],
      ['--alpha <share>', 'share of the float model in the loss, that of the labels is the rest (default: 0.5)'],
      ['--teacher-cache <folder>', 'keep its outputs there for later runs (default: gone when done)'],
      ...withDefaults(without(TRAINING, 'batch-norm', 'launcher', 'pipeline', 'micro-batches'), {
        epochs: '1',
        lr: '0.0001',
        'weight-decay': '0',
      }).rows,
    ],
  };
  addOptions(command, [QUANTIZATION, CALIBRATION, training, ...judgedAgainst('the original'), OUTPUT, CONFIG, DISPLAY]);
  conflict(command, 'perChannel', 'perTensor');
  conflict(command, 'symmetric', 'asymmetric');
  return command.addHelpText(
    'after',
    examples(
      'quantize model.onnx --data test/ --calibration train/ --max-drop 0.01',
      'quantize model.onnx                      # no data: weights only',
      "quantize model.onnx --data test.csv --exclude '/head/*' --report report.json",
    ),
  );
}

/** Arguments of `nncompress finetune`. */
export function finetuneArguments(command: Command): Command {
  command
    .description('train a model further, or for other classes, and show what that did')
    .argument('[model]', 'ONNX file');
  const transfer: OptionGroup = {
    heading: 'What is trained:',
    rows: [
      [
        '--freeze <pattern>',
        'parameters or nodes of this name stay as they are, with * and ?; repeatable',
        'repeatable',
      ],
      ['--freeze-layers <n>', 'the first n layers stay as they are'],
      ['--layer-decay <x>', 'factor of the learning rate from each layer to the one before it (default: 1)'],
      [
        '--classes <file>',
        'new last layer for the classes of a file, one name per line, or auto: of the training data',
      ],
      ['--no-cache-features', 'compute what frozen layers give anew for each batch'],
      ['--compare', 'also train the last layer alone, and everything from random weights'],
    ],
  };
  const output = without(OUTPUT, 'dry-run');
  addOptions(command, [TRAINING_DATA, transfer, TRAINING, ...judgedAgainst('the original'), output, CONFIG, DISPLAY]);
  return command.addHelpText(
    'after',
    examples(
      'finetune model.onnx --train train/ --data test/ --epochs 3 --lr 1e-3 -o tuned.onnx',
      "finetune model.onnx --train new/ --data new-test/ --classes auto --freeze 'features*'",
      'finetune model.onnx --train train/ -o tuned.onnx --resume',
    ),
  );
}

/** Arguments of `nncompress distill`. */
export function distillArguments(command: Command): Command {
  command
    .description('train a small model on what a large one says, and show what that gave')
    .argument('[student]', 'ONNX file of the small model, trained or not (or see --student)');
  const heading = 'Distillation:';
  const own: OptionGroup = {
    heading,
    rows: [
      ['--teacher <file>', 'ONNX file of the large model; of several, the mean is learnt: repeatable', 'repeatable'],
      ['--student <template>', `build the small model: ${oneOf(STUDENTS)}, or auto; small or base: cnn:small`],
      ['--shrink <share>', 'the student is the teacher with so much of its layers or parameters: 0.5'],
      ['--parameters <n>', 'most parameters of a built student: 500k, or a share of its teacher’s: 10%'],
      ['--macs <n>', 'most multiply-accumulates a sample of a built student: 2M, or a share of its teacher’s'],
      ['--unlabelled <path>', 'further samples to learn from, whose labels are not looked at'],
      [
        '--loss <name>',
        `${oneOf(DISTILLATION_LOSSES)}: what is learnt from it: soft targets, or decoupled (default: auto, found by short trials)`,
      ],
      ['--temperature <x>', 'what scores are divided by, so that small ones count (default: auto)'],
      [
        '--alpha <share>',
        'share of the teacher in the loss, that of the labels is the rest; 0.9:0 falls from 0.9 to 0 (default: auto)',
      ],
      ['--beta <x>', 'weight of the classes that are not the target in dkd (default: 8)'],
      [
        '--match <kind[:weight][=values]>',
        `also compare inner values: ${oneOf(HINT_KINDS)}; two that are named as student,teacher, or those that belong together; repeatable`,
        'repeatable',
      ],
      ['--teacher-views', 'the teacher sees samples as they are changed, and runs along with training'],
      ['--teacher-cache <folder>', 'where outputs of teachers are kept (default: teacher-outputs beside the output)'],
      ['--teacher-cache-limit <bytes>', 'most that inner values of the teacher may take there (default: 2GB)'],
      ['--no-alone', 'do not train the student without a teacher for comparison'],
    ],
  };
  // Another word for --no-alone; after --baseline, which it is no opposite of.
  const alone: OptionGroup = { heading, rows: [['--no-baseline', 'the same as --no-alone']] };
  const output = without(OUTPUT, 'dry-run');
  const groups = [TRAINING_DATA, own, TRAINING, ...judgedAgainst('the teacher'), alone];
  addOptions(command, [...groups, output, CONFIG, DISPLAY]);
  return command.addHelpText(
    'after',
    examples(
      'distill student.onnx --teacher teacher.onnx --train train/ --data test/ -o small.onnx',
      'distill --teacher teacher.onnx --student cnn:small --train train/ --data test/ -o small/model.onnx',
      'distill --teacher teacher.onnx --shrink 0.5 --train train/ --data test/ -o half/model.onnx',
      'distill student.onnx --teacher a.onnx --teacher b.onnx --train few.csv --unlabelled many.csv',
    ),
  );
}

/** Arguments of `nncompress evaluate`. */
export function evaluateArguments(command: Command): Command {
  command.description('measure a model on labelled data').argument('[model]', 'ONNX file');
  const batch: OptionGroup = { heading: RUNNING.heading, rows: [['--batch <n>', 'samples in one run of the model']] };
  const corrupt: OptionGroup = {
    heading: DATA.heading,
    rows: [['--corrupt <list>', 'make the data worse, to see what the model stands: noise=0.2,blur=1.5']],
  };
  const output = without(OUTPUT, 'output', 'dry-run');
  addOptions(command, [DATA, corrupt, PREPROCESSING, RUNNING, batch, BENCHMARK, GATES, output, CONFIG, DISPLAY]);
  return command.addHelpText(
    'after',
    examples(
      'evaluate model.onnx --data test/',
      'evaluate model.onnx --data test.csv --label-column category --min-accuracy 0.9',
    ),
  );
}

/** Arguments of `nncompress compare`. */
export function compareArguments(command: Command): Command {
  command
    .description('compare two models of the same task: quality, changed samples, size, speed, inner values')
    .argument('[original]', 'ONNX file')
    .argument('[compressed]', 'ONNX file that is judged against it');
  const own: OptionGroup = {
    heading: 'Comparison:',
    rows: [
      ['--layers', 'compare inner values too, and show where the error starts'],
      ['--batch <n>', 'samples in one run of the models'],
    ],
  };
  const output = without(OUTPUT, 'output', 'dry-run');
  addOptions(command, [own, ...judgedAgainst('the original'), output, CONFIG, DISPLAY]);
  return command.addHelpText(
    'after',
    examples(
      'compare model.onnx model.int8.onnx --data test/',
      'compare old.onnx new.onnx --data test.csv --max-drop 0.005 --report compare.json',
      'compare model.onnx model.int8.onnx --data test/ --layers',
    ),
  );
}

/** Arguments of `nncompress check`. */
export function checkArguments(command: Command): Command {
  command
    .description('run the jobs of a config file and their gates; exit code 1 where one fails')
    .argument('[config]', 'YAML or JSON file (default: nncompress.config.yaml, .json or package.json here)');
  const jobs: OptionGroup = {
    heading: 'Jobs:',
    rows: [['--job <name>', 'run only the job of this name; repeatable', 'repeatable']],
  };
  addOptions(command, [jobs, only(OUTPUT, 'json', 'force'), DISPLAY]);
  return command.addHelpText('after', examples('check', 'check ci/nncompress.yaml --job mobilenet --force'));
}

/** Arguments of `nncompress init`. */
export function initArguments(command: Command): Command {
  command
    .description('write a commented config file for the models and data of a folder')
    .argument('[folder]', 'where they lie (default: here)');
  addOptions(command, [only(OUTPUT, 'force'), DISPLAY]);
  return command.addHelpText('after', examples('init', 'init models/ --force'));
}

/** Arguments of `nncompress completion`. */
export function completionArguments(command: Command): Command {
  return command
    .description('print a script that lets a shell complete commands and options')
    .addArgument(new Argument('<shell>').choices(SHELLS))
    .addHelpText(
      'after',
      '\nTo use it:\n' +
        '  bash  echo \'eval "$(nncompress completion bash)"\' >> ~/.bashrc\n' +
        '  zsh   echo \'eval "$(nncompress completion zsh)"\' >> ~/.zshrc\n' +
        '  fish  nncompress completion fish > ~/.config/fish/completions/nncompress.fish\n',
    );
}

/** Arguments of `nncompress inspect`. */
export function inspectArguments(command: Command): Command {
  command.description('show what a model consists of and what can be compressed').argument('<model>', 'ONNX file');
  const shapes: OptionGroup = {
    heading: 'Shapes:',
    rows: [['--shape <name=sizes>', 'input shape x=1x3x224x224, or symbol batch=1; repeatable', 'repeatable']],
  };
  const training: OptionGroup = {
    heading: 'Training:',
    rows: [['--gradients', 'show what can be trained, and which nodes stand in the way']],
  };
  const pruning: OptionGroup = {
    heading: 'Pruning:',
    rows: [['--channels', 'show which channels and layers can be removed, and what has to stay and why']],
  };
  addOptions(command, [shapes, training, pruning, only(OUTPUT, 'json'), DISPLAY]);
  return command.addHelpText(
    'after',
    examples(
      'inspect model.onnx',
      'inspect model.onnx --gradients',
      'inspect bert.onnx --shape sequence_length=128 --json',
    ),
  );
}

/** Arguments of `nncompress split`. */
export function splitArguments(command: Command): Command {
  command
    .description('cut a model into sub-models that run one after the other, balanced by cost')
    .argument('<model>', 'ONNX file');
  const parts: OptionGroup = {
    heading: 'Parts:',
    rows: [
      ['--parts <n>', 'how many'],
      [
        '--shape <name=sizes>',
        'input shape that costs are counted on: x=1x3x224x224, or batch=1; repeatable',
        'repeatable',
      ],
    ],
  };
  const output: OptionGroup = {
    ...OUTPUT,
    rows: [
      ['-o, --output <folder>', 'folder to write (default: <model>.parts)'],
      ...only(OUTPUT, 'json', 'force', 'dry-run').rows,
    ],
  };
  addOptions(command, [parts, output, DISPLAY]);
  return command.addHelpText(
    'after',
    examples('split model.onnx --parts 3 -o parts/', 'evaluate parts/ --data test/    # runs them as a pipeline'),
  );
}

/** Arguments of `nncompress doctor`. */
export function doctorArguments(command: Command): Command {
  command.description('check this machine: runtime, providers, instruction sets, optional parts');
  return addOptions(command, [only(OUTPUT, 'json'), DISPLAY]);
}

function conflict(command: Command, first: string, second: string): void {
  command.options.find((option) => option.attributeName() === first)?.conflicts(second);
}
