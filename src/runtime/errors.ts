import { UserError } from '../errors.js';

/** ONNX Runtime's messages that have a cause and a mend of their own. */
const KNOWN: readonly { pattern: RegExp; explain(match: RegExpMatchArray): [what: string, mend: string] }[] = [
  {
    pattern: /Failed to load shared library.*?(cuda|tensorrt)/i,
    explain: (m) => [
      `the ${m[1]!.toUpperCase()} provider of ONNX Runtime is not installed`,
      'install it with ONNXRUNTIME_NODE_INSTALL=cuda12 npm rebuild onnxruntime-node, or use --device cpu',
    ],
  },
  {
    pattern: /No Op registered for ([\w.:]+)|([\w.:]+)\(-?\d+\) is not a registered function\/op/,
    explain: (m) => [
      `the model uses an operator that ONNX Runtime does not know (${m[1] ?? m[2]})`,
      'register no custom operator libraries here: export the model with standard operators',
    ],
  },
  {
    pattern: /Could not find an implementation for ([\w.]+)\((\d+)\) node with name '([^']*)'/,
    explain: (m) => [
      `node ${m[3] || m[1]}: ONNX Runtime has no kernel for ${m[1]} (opset ${m[2]}) with these types`,
      'export the model with other types or another opset',
    ],
  },
  {
    pattern: /This is an invalid model\. In Node, \("([^"]*)", ([\w.]+),.*\W+Error (.+)$/s,
    explain: (m) => [`the model is invalid: node ${m[1] || m[2]} (${m[2]}): ${m[3]}`, 'export it again'],
  },
];

/** An error of ONNX Runtime as a UserError, with its mend where the cause is known. */
export function runtimeError(message: string): UserError {
  const text = message.replace(/^.*?(?:Error|Exception) in [^:]*: /, '');
  for (const { pattern, explain } of KNOWN) {
    const match = text.match(pattern);
    if (match) {
      const [what, mend] = explain(match);
      return new UserError(what, { mend });
    }
  }
  return new UserError(`ONNX Runtime: ${text.slice(0, 400)}`);
}
