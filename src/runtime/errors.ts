import { UserError } from '../errors.js';

/** What is wrong, and what can be done about it. */
type Explanation = [what: string, mend: string];

interface KnownError {
  pattern: RegExp;
  explain(...groups: string[]): Explanation;
}

const EXPORT_AGAIN = 'export the model again';
const CHECK_INPUTS = 'see nncompress inspect for the inputs that the model takes';

const invalid = (what: string): Explanation => [`the model is invalid: ${what}`, EXPORT_AGAIN];
const nodeOf = (name: string | undefined, op: string) => (name ? `node ${name} (${op})` : `a node ${op}`);

/** ONNX Runtime's messages (as of 1.30) that have a cause and a mend of their own; the first that fits counts. */
const KNOWN: readonly KnownError[] = [
  {
    pattern: /_(Cuda|TensorRT): Failed to load shared library/i,
    explain: (provider) => [
      `the ${provider!.toUpperCase()} provider of ONNX Runtime is not installed, or lacks a library`,
      'nncompress doctor says which and how to install it; or use --device cpu',
    ],
  },
  {
    pattern: /Program (\w+) requires f16 but the device does not support it/,
    explain: (op) => [
      `the graphics adapter has no float16 arithmetic (shader-f16), which ${op} needs`,
      'run the model on another device, or take --target cpu, which only stores weights as float16',
    ],
  },
  {
    pattern: /No Op registered for ([\w.]+) with domain_version of (\d+)/,
    explain: (op, opset) => [
      `the model uses the operator ${op}, which operator set ${opset} does not have`,
      'export the model with standard operators',
    ],
  },
  {
    pattern: /([\w.]+:\w+)\(-?\d+\) is not a registered function\/op/,
    explain: (op) => [
      `the model uses the custom operator ${op}, which ONNX Runtime does not have`,
      'export the model with standard operators: libraries of custom operators cannot be loaded here',
    ],
  },
  {
    pattern: /Could not find an implementation for ([\w.]+)\((\d+)\) node with name '([^']*)'/,
    explain: (op, version, name) => [
      `${nodeOf(name, op!)}: ONNX Runtime has no kernel for ${op} of operator set ${version} with these types`,
      'export the model with other types, such as float32, or another operator set',
    ],
  },
  {
    pattern: /Unsupported model IR version: (\d+), max supported IR version: (\d+)/,
    explain: (version, most) => [
      `the model has IR version ${version}; ONNX Runtime reads versions up to ${most}`,
      `export it with IR version ${most} or lower`,
    ],
  },
  {
    pattern: /Opset (\d+) is under development/,
    explain: (opset) => [
      `the model is written in operator set ${opset}, which ONNX Runtime does not know yet`,
      'export it with a released operator set',
    ],
  },
  {
    pattern: /In Node, \("([^"]*)", ([\w.]+),.*\W+Error (.+?)\.?$/s,
    explain: (name, op, what) => invalid(`${nodeOf(name, op!)}: ${what}`),
  },
  {
    pattern: /Optype \(([\w.]+)\) bound to different types \((.+?\)) and (.+?\)) in node \(([^)]*)\)/,
    explain: (op, a, b, name) => invalid(`${nodeOf(name, op!)}: takes ${a} and ${b} where both must be the same`),
  },
  {
    pattern: /Type '(.+?)' of input parameter \((.+?)\) of operator \((.+?)\) in node \(([^)]*)\) is invalid/,
    explain: (type, input, op, name) => invalid(`${nodeOf(name, op!)}: cannot take ${input} of type ${type}`),
  },
  {
    pattern: /Type \((.+?\))\) of output arg \((.+?)\) of node \([^)]*\) does not match expected type \((.+?\))\)/,
    explain: (declared, output, type) => invalid(`${output} is declared as ${declared}, but is ${type}`),
  },
  {
    pattern: /Node \(([^)]*)\) Op \((.+?)\) \[\w+InferenceError\] (.+?)\.?$/s,
    explain: (name, op, what) => invalid(`${nodeOf(name, op!)}: ${what}`),
  },
  {
    pattern: /protobuf parsing failed|Model data pointer is null/,
    explain: () => ['the file is damaged, or no ONNX model', 'copy or export it again'],
  },
  { pattern: /File doesn't exist/, explain: () => ['no such file', 'check the path of the model'] },
  {
    pattern: /input '(.+)' is missing in 'feeds'/,
    explain: (input) => [`the model takes an input '${input}', which was not given`, CHECK_INPUTS],
  },
  {
    pattern: /Unexpected input data type\. Actual: \((.+?\))\) , expected: \((.+?\))\)/,
    explain: (found, expected) => [`an input is ${found} where the model takes ${expected}`, CHECK_INPUTS],
  },
  {
    pattern: /Invalid rank for input: (.+?) Got: (\d+) Expected: (\d+)/,
    explain: (input, found, expected) => [
      `input ${input} has ${found} dimensions where the model takes ${expected}`,
      CHECK_INPUTS,
    ],
  },
  {
    pattern: /invalid dimensions for input: (.+?) for the following indices\s+index: (\d+) Got: (\d+) Expected: (\d+)/,
    explain: (input, axis, found, expected) => [
      `input ${input} has ${found} elements along axis ${axis} where the model takes ${expected}`,
      CHECK_INPUTS,
    ],
  },
  {
    pattern:
      /Failed to allocate memory for requested buffer of size (\d+)|bad_alloc|out of memory|Cannot allocate memory|Array buffer allocation failed/i,
    explain: (bytes) => [
      `not enough memory${bytes ? `: ${Number(bytes).toLocaleString('en')} bytes were asked for at once` : ''}`,
      'take a smaller batch, shorter inputs, or a machine with more memory',
    ],
  },
  {
    pattern: /while running ([\w.]+) node\. Name:'([^']*)' Status Message: (.+)$/s,
    explain: (op, name, what) => [
      `${nodeOf(name, op!)} failed: ${withoutSource(what!)}`,
      'check that the inputs are what the model was made for',
    ],
  },
];

/** Where in ONNX Runtime's source an error arose: file, line, function, and the condition that did not hold. */
const SOURCE = /\S+\.(?:h|cc|cpp|cuh?):\d+ (?:.*?\bwas false\. |[^()]*\([^()]*\)(?: const)? |\w+ )/s;

function withoutSource(text: string): string {
  return text.replace(SOURCE, '').replace(/\s+/g, ' ').trim();
}

/** An error of ONNX Runtime as a UserError of one line, with its mend where the cause is known. */
export function runtimeError(message: string): UserError {
  for (const { pattern, explain } of KNOWN) {
    const match = message.match(pattern);
    if (!match) continue;
    const [what, mend] = explain(...match.slice(1));
    return new UserError(what.replace(/\s+/g, ' '), { mend });
  }
  return new UserError(`ONNX Runtime: ${withoutSource(message).slice(0, 400)}`);
}
