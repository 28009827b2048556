import { measureCost } from '../analysis/cost.js';
import { Model } from '../ir/model.js';
import type { ExitFeatures } from './exit-features.js';
import { type Features, Layers } from './layers.js';
import { BLOCK } from './template.js';

/** The small network that makes scores of the features of an exit. */
export interface ExitHead {
  /** Of the exit, such as `exit_1`. */
  name: string;
  /** What it is: `two convolutions`. */
  about: string;
  sizes: readonly number[];
  /** Emits its layers. @returns logits `[rows, classes]` */
  build(layers: Layers, features: string): string;
}

/** What heads are built for. */
export interface HeadSpec {
  /** Scores of a sample. */
  outputs: number;
  /** Most multiply-accumulates of one head. */
  budget: number;
  /** The operator set that they are written in. */
  opset: number;
}

/** A design of heads; undefined where it does not suit features of these sizes. */
interface Design {
  about: string;
  build(layers: Layers, features: string, sizes: readonly number[]): Features;
  suits(sizes: readonly number[]): boolean;
}

const wide = (sizes: readonly number[], least: number) => sizes.length > 1 && Math.max(...sizes.slice(1)) >= least;

/** Widths of two convolutions over a map of some channels. */
const widthsFor = ([channels = 0]: readonly number[], scale: number): [number, number] => [
  blocks(scale * Math.max(3 * BLOCK, channels / 2)),
  blocks(scale * Math.max(4 * BLOCK, channels)),
];

const blocks = (width: number) => BLOCK * Math.max(1, Math.round(width / BLOCK));

/** Two convolutions that halve the map (one where it is small), then the mean of each channel. */
const convolutions = (scale: number): Design => ({
  about: 'two convolutions',
  suits: (sizes) => wide(sizes, 3),
  build(layers, value, sizes) {
    const strides = sizes.slice(1).map(() => 2);
    const kernel = strides.map(() => 3);
    let x: Features = { value, width: sizes[0]! };
    const widths = widthsFor(sizes, scale);
    for (const [k, outputs] of (wide(sizes, 5) ? widths : widths.slice(1)).entries())
      x = layers.within(`conv${k + 1}`).convolve(x, { outputs, kernel, strides });
    return layers.pooled(x);
  },
});

/** The same in depthwise-separable form, over a normalized map. */
const separable: Design = {
  about: 'two separable convolutions',
  suits: (sizes) => wide(sizes, 3),
  build(layers, value, sizes) {
    const strides = sizes.slice(1).map(() => 2);
    const [kernel, one] = [strides.map(() => 3), strides.map(() => 1)];
    let x: Features = { value, width: sizes[0]! };
    const widths = widthsFor(sizes, 1);
    for (const [k, outputs] of (wide(sizes, 5) ? widths : widths.slice(1)).entries()) {
      const layer = layers.within(`conv${k + 1}`);
      x = layer.within('depthwise').convolve(x, { outputs: x.width, kernel, strides, depthwise: true });
      x = layer.within('pointwise').convolve(x, { outputs, kernel: one });
    }
    return layers.pooled(x);
  },
};

/** The mean of each channel, or the vector as it is, normalized. */
const normalized: Design = {
  about: 'a dense layer',
  suits: () => true,
  build(layers, value, sizes) {
    const [width] = sizes as [number];
    const x = sizes.length > 1 ? layers.pooled({ value, width }) : { value, width };
    return layers.within('norm').batchNorm(x);
  },
};

/** From the one that sees most to the cheapest. */
const DESIGNS: readonly Design[] = [convolutions(1), convolutions(0.5), separable, normalized];

/** The head that sees most of features among those within a budget; the cheapest one where none is. */
export async function headFor(name: string, { sizes }: ExitFeatures, spec: HeadSpec): Promise<ExitHead> {
  const suited = DESIGNS.filter((design) => design.suits(sizes));
  for (const design of suited) {
    const head = headOf(name, design, sizes, spec);
    const isLast = design === suited.at(-1);
    if (isLast || (await measureCost(buildHeads([head], spec, undefined).model)).macs <= spec.budget) return head;
  }
  throw new Error('no design');
}

function headOf(name: string, { about, build }: Design, sizes: readonly number[], { outputs }: HeadSpec): ExitHead {
  return {
    name,
    about,
    sizes,
    build: (layers, features) => layers.within('scores').dense(build(layers, features, sizes), outputs).value,
  };
}

/** Heads in one model of their own; names are in the order of the heads. */
export interface BuiltHeads {
  model: Model;
  inputs: string[];
  outputs: string[];
}

/** Writes heads with initial weights. @param seed of the weights, which are zero without it */
export function buildHeads(
  heads: readonly ExitHead[],
  { opset, outputs }: HeadSpec,
  seed: number | undefined,
): BuiltHeads {
  const model = new Model();
  model.opsets.set('', opset);
  const { graph } = model;
  graph.name = 'exits';
  const built: BuiltHeads = { model, inputs: [], outputs: [] };
  for (const { name, sizes, build } of heads) {
    const [features, logits] = [`${name}/features`, `${name}/logits`].map((base) => model.freshName(base));
    graph.inputs.push({ name: features!, type: { kind: 'tensor', elem: 'float32', shape: ['batch', ...sizes] } });
    const layers = new Layers(model, seed, name);
    layers.g.rename(build(layers, features!), logits!);
    graph.outputs.push({ name: logits!, type: { kind: 'tensor', elem: 'float32', shape: ['batch', outputs] } });
    built.inputs.push(features!);
    built.outputs.push(logits!);
  }
  return built;
}
