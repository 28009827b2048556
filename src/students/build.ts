import { Model } from '../ir/model.js';
import type { StudentInput } from './input.js';
import { Layers } from './layers.js';
import type { StudentTemplate } from './template.js';

/** A student to be built. */
export interface StudentSpec {
  template: StudentTemplate;
  input: StudentInput;
  /** Scores that it gives for a sample. */
  outputs: number;
  /** True where each score is a yes or no of its own. */
  independent: boolean;
  /** What the file is to say besides, such as the names of classes. */
  metadata?: ReadonlyMap<string, string>;
}

/** The operator set of students, the newest with kernels for batch normalization in training. */
const OPSET = 18;
const IR_VERSION = 8n;

/** Share of samples that a class of its own is expected to hold of, which its bias begins with (Lin et al. 2017). */
const PRIOR = 0.1;

/** The widths of a template at a scale: whole blocks, rounded down, and one at least. */
export const widthsAt = ({ widths, block }: StudentTemplate, scale: number): number[] =>
  widths.map((width) => block * Math.max(1, Math.floor((width * scale) / block)));

/**
 * A network with initial weights, its batch axis open, logits as output.
 * @param scale of the template's widths.
 * @param seed of the weights, which are random; without it they are zero, for counting.
 */
export function buildStudent(
  { template, input, outputs, independent, metadata = new Map() }: StudentSpec,
  scale: number,
  seed?: number,
): Model {
  const model = new Model();
  model.irVersion = IR_VERSION;
  model.opsets.set('', OPSET);
  model.producer = 'nncompress';
  model.metadata = new Map(metadata);
  const { graph } = model;
  graph.name = template.name;
  const values = input.kind === 'tokens' ? [input.ids, ...(input.mask ? [input.mask] : [])] : [input.value];
  graph.inputs = values.map(({ name, type, dims }) => ({
    name,
    type: { kind: 'tensor', elem: type, shape: ['batch', ...dims.slice(1)] },
  }));
  const layers = new Layers(model, seed, template.name);
  const features = template.build(layers, input, widthsAt(template, scale));
  const bias = independent ? Math.log(PRIOR / (1 - PRIOR)) : 0;
  const { value } = layers.within('classifier').dense(features, outputs, bias);
  const name = model.freshName('logits');
  layers.g.rename(value, name);
  graph.outputs = [{ name, type: { kind: 'tensor', elem: 'float32', shape: ['batch', outputs] } }];
  return model;
}
