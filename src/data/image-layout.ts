import { UserError } from '../errors.js';
import type { InputSpec } from './types.js';

/** Order of the axes of an image batch: channels first or last. */
export type Layout = 'NCHW' | 'NHWC';

/** How a model input takes images. */
export interface ImageLayout {
  layout: Layout;
  /** 1 or 3; undefined where the model takes both. */
  channels: 1 | 3 | undefined;
  /** Pixels; undefined where the model takes any size. */
  height: number | undefined;
  width: number | undefined;
  /** Shape of one sample. */
  shape(height: number, width: number, channels: number): number[];
}

type Dim = InputSpec['dims'][number];

/** Says 'channel' to people: symbolic names that exporters give the axis. */
const isChannelName = (dim: Dim) => typeof dim === 'string' && /^(c|ch|chan.*|.*channels?)$/i.test(dim);
const isChannelCount = (dim: Dim) => dim === 1 || dim === 3;
const sizeOf = (dim: Dim) => (typeof dim === 'number' ? dim : undefined);

/**
 * Reads the layout and size off a model input: four axes with the 1 or 3 channels first or last, three axes of grey
 * images, or two axes of flattened square ones.
 * @param wanted the layout named by the user; decides where the shape leaves it open
 * @throws UserError where the shape takes no images, or does not show its layout and none is named
 */
export function imageLayout(input: InputSpec, wanted?: Layout): ImageLayout {
  const { dims } = input;
  if (dims.length === 4) return fourAxes(input, wanted);
  if (dims.length === 3 && dims[0] !== 3 && dims[2] !== 3) {
    const shape = (height: number, width: number) => [height, width];
    return { layout: wanted ?? 'NCHW', channels: 1, height: sizeOf(dims[1]), width: sizeOf(dims[2]), shape };
  }
  if (dims.length === 2 && typeof dims[1] === 'number') return flattened(input, dims[1], wanted);
  throw layoutError(input, 'is no shape of images', 'images take [N, C, H, W] or [N, H, W, C] with 1 or 3 channels');
}

function fourAxes(input: InputSpec, wanted: Layout | undefined): ImageLayout {
  const layout = wanted ?? layoutOf(input);
  const [, first, second, third] = input.dims;
  const [channels, height, width] = layout === 'NCHW' ? [first, second, third] : [third, first, second];
  if (typeof channels === 'number' && !isChannelCount(channels)) {
    throw layoutError(
      input,
      `has ${channels} channels as ${layout}`,
      'images have 1 or 3; name the layout or give arrays',
    );
  }
  return {
    layout,
    channels: typeof channels === 'number' ? (channels as 1 | 3) : undefined,
    height: sizeOf(height),
    width: sizeOf(width),
    shape: (h, w, c) => (layout === 'NCHW' ? [c, h, w] : [h, w, c]),
  };
}

function layoutOf(input: InputSpec): Layout {
  const [, first, , last] = input.dims;
  for (const isChannel of [isChannelName, isChannelCount]) {
    if (isChannel(first) !== isChannel(last)) return isChannel(first) ? 'NCHW' : 'NHWC';
  }
  throw layoutError(input, 'does not show which axis holds the channels', 'name the layout: NCHW or NHWC');
}

function flattened(input: InputSpec, values: number, wanted: Layout | undefined): ImageLayout {
  for (const channels of [1, 3] as const) {
    const side = Math.sqrt(values / channels);
    if (!Number.isInteger(side)) continue;
    return { layout: wanted ?? 'NCHW', channels, height: side, width: side, shape: () => [values] };
  }
  throw layoutError(input, `has ${values} values, which is no square image`, 'give the data as arrays');
}

function layoutError(input: InputSpec, what: string, mend: string): UserError {
  return new UserError(`input '${input.name}' [${input.dims.map((dim) => dim ?? '?').join(', ')}] ${what}`, { mend });
}
