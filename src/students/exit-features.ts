import type { Dim } from '../ir/graph.js';
import type { Model } from '../ir/model.js';
import { DATA_TYPES, elementCount } from '../ir/types.js';
import type { ExitPlace, FeatureLayout } from '../passes/exits/places.js';
import { Layers } from './layers.js';
import { averaged, largest, type Sequence } from './sequences.js';

/** What a head takes of a place: float32, a row of fixed size for each sample. */
export interface ExitFeatures {
  value: string;
  /** Channels and sizes of a feature map, or the width of a vector. */
  sizes: readonly number[];
}

/** Where tokens are real, and what tells it. */
export type TokenMask =
  /** An input that is 1 for tokens and 0 for padding. */
  | { mask: string }
  /** An input of ids, and the one that stands for padding. */
  | { ids: string; padding: number };

/**
 * Emits what a head takes of a place, without weights: a feature map as it is, averaged down where it is large; of a sequence,
 * or of a map of open size, the mean and the largest of each feature.
 * @param name begins the names of what is emitted.
 * @param mask `[rows, tokens]`, where moments are tokens and some may be padding.
 */
export function emitFeatures(
  model: Model,
  { value: given, type, layout }: ExitPlace,
  name: string,
  mask: TokenMask | undefined,
): ExitFeatures {
  const layers = new Layers(model, 0, name);
  const value = type === 'float32' ? given : layers.g.cast(given, DATA_TYPES.float32.code);
  switch (layout.kind) {
    case 'vector':
      return { value, sizes: [layout.width] };
    case 'sequence':
      return summary(layers, { ...fromRows(layers, value, layout), mask: mask && maskOf(layers, mask) });
    case 'map':
      return isFixed(layout.sizes)
        ? averagedDown(layers, value, layout.channels, layout.sizes)
        : summary(layers, { ...momentsOf(layers, value, layout.channels), mask: undefined });
  }
}

const isFixed = (sizes: readonly Dim[]): sizes is readonly number[] => sizes.every((size) => typeof size === 'number');

/** Places of a map that a head needs at most: 16 × 16. */
const MOST_PLACES = 256;

function averagedDown({ g }: Layers, value: string, channels: number, sizes: readonly number[]): ExitFeatures {
  const stride = Math.ceil((elementCount(sizes) / MOST_PLACES) ** (1 / sizes.length));
  if (stride <= 1) return { value, sizes: [channels, ...sizes] };
  const steps = sizes.map((size) => Math.min(size, stride));
  return {
    value: g.op('AveragePool', [value], { kernel_shape: steps, strides: steps }),
    sizes: [channels, ...sizes.map((size, axis) => Math.floor(size / steps[axis]!))],
  };
}

/** A map as moments, `[rows, moments, channels]`. */
function momentsOf({ g }: Layers, value: string, width: number): Pick<Sequence, 'value' | 'width'> {
  return { value: g.transpose(g.reshape(value, [0, width, -1]), [0, 2, 1]), width };
}

/** A sequence as `[rows, moments, width]`. */
function fromRows(
  { g }: Layers,
  value: string,
  { width, rank, rowAxis }: Extract<FeatureLayout, { kind: 'sequence' }>,
): Pick<Sequence, 'value' | 'width'> {
  const others = Array.from({ length: rank }, (_, axis) => axis).filter((axis) => axis !== rowAxis);
  const turned = g.transpose(value, [rowAxis, ...others]);
  return { value: rank === 3 ? turned : g.reshape(turned, [0, -1, width]), width };
}

/** 1 for tokens and 0 for padding, `[rows, tokens, 1]` in float32. */
function maskOf({ g }: Layers, given: TokenMask): string {
  const real =
    'mask' in given
      ? given.mask
      : g.op('Not', [
          g.op('Equal', [g.cast(given.ids, DATA_TYPES.int64.code), g.constantOf('int64', [], [given.padding])]),
        ]);
  return g.op('Unsqueeze', [g.cast(real, DATA_TYPES.float32.code), g.ints([2])]);
}

function summary(layers: Layers, sequence: Sequence): ExitFeatures {
  const parts = [averaged(layers, sequence), largest(layers, sequence)];
  const value = layers.g.op(
    'Concat',
    parts.map((part) => part.value),
    { axis: 1 },
  );
  return { value, sizes: [2 * sequence.width] };
}
