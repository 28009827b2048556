import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Model } from '../../src/ir/model.js';
import type { Tensor } from '../../src/ir/tensor.js';
import type { NamedValues, TensorValue } from '../../src/ir/types.js';
import { decodeModel, readModel } from '../../src/onnx/read.js';

/** Where Debian's package libonnx-testdata puts the models that ONNX tests operators with. */
const FOLDER = '/usr/share/libonnx-testdata/data';

/** True where the models are installed. */
export const hasTestData = existsSync(FOLDER);

/** A model of ONNX's own tests with its recorded inputs and outputs. */
export interface RecordedTest {
  name: string;
  model: Model;
  feeds: NamedValues;
  outputs: NamedValues;
}

/** Every test whose inputs and outputs are tensors, in the order of their names. */
export function* recordedTests(): Generator<RecordedTest> {
  for (const group of readdirSync(FOLDER).sort())
    for (const name of readdirSync(join(FOLDER, group)).sort()) {
      const test = readTest(join(FOLDER, group, name));
      if (test) yield { name: `${group}/${name}`, ...test };
    }
}

function readTest(folder: string): Omit<RecordedTest, 'name'> | undefined {
  const data = join(folder, 'test_data_set_0');
  if (!existsSync(join(folder, 'model.onnx')) || !existsSync(data)) return undefined;
  try {
    const model = readModel(join(folder, 'model.onnx'));
    const { inputs, outputs, initializers } = model.graph;
    const fed = inputs.filter((input) => model.irVersion >= 4n || !initializers.has(input.name));
    return {
      model,
      feeds: readValues(
        data,
        'input',
        fed.map((info) => info.name),
      ),
      outputs: readValues(
        data,
        'output',
        outputs.map((info) => info.name),
      ),
    };
  } catch {
    return undefined; // sequences and optionals are not tensors; a few models are broken on purpose
  }
}

function readValues(folder: string, kind: string, names: readonly string[]): NamedValues {
  const count = readdirSync(folder).filter((file) => file.startsWith(`${kind}_`)).length;
  return Object.fromEntries(
    names.slice(0, count).map((name, i) => [name, readTensor(join(folder, `${kind}_${i}.pb`)).toValue()]),
  );
}

/** Reads a TensorProto by wrapping it into a model as its only initializer. */
function readTensor(path: string): Tensor {
  const graph = field(5, readFileSync(path));
  const [tensor] = decodeModel(field(7, graph), path).graph.initializers.values();
  return tensor!;
}

function field(number: number, bytes: Uint8Array): Uint8Array {
  const head = [(number << 3) | 2];
  let length = bytes.length;
  for (; length > 127; length >>>= 7) head.push((length & 127) | 128);
  return Buffer.concat([Uint8Array.from([...head, length]), bytes]);
}

/** The greatest difference of two tensors, relative where values exceed 1; infinite where shape or type differ. */
export function difference(found: TensorValue | undefined, expected: TensorValue): number {
  if (found?.type !== expected.type || String(found.dims) !== String(expected.dims)) return Number.POSITIVE_INFINITY;
  let worst = 0;
  for (let i = 0; i < expected.data.length; i++) {
    const [a, b] = [found.data[i]!, expected.data[i]!];
    if (a === b || (Number.isNaN(a) && Number.isNaN(b))) continue;
    if (typeof a === 'string') return Number.POSITIVE_INFINITY;
    const gap = Math.abs(Number(a) - Number(b)) / Math.max(1, Math.abs(Number(b)));
    worst = Math.max(worst, Number.isNaN(gap) ? Number.POSITIVE_INFINITY : gap);
  }
  return worst;
}
