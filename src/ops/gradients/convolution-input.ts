import { asPlanes, type Planes, planesOf } from './planes.js';
import type { Site } from './site.js';
import { transposedConvolution, type Window } from './windows.js';

/** Gradient of a Conv by its input. */
export function convolutionInputGradient(site: Site, window: Window, group: number): string {
  const planes = planesOf(site, { from: site.x, to: site.y, window, group });
  const blocked = planes && blockedInputGradient(site, planes);
  return blocked ?? transposedConvolution(site, site.dy, site.input(1)!, window, { like: site.x, group });
}

/** The taps that reach the positions of one phase, those that leave the same rest when divided by the stride. */
interface Phase {
  /** In the order in which a convolution over the output's gradient meets them. */
  taps: number[];
  begin: number;
  end: number;
}

/**
 * The gradient as stride² convolutions with reversed filters over the output's gradient, one for each phase of the
 * input's positions, whose results are interleaved; nothing is multiplied by zeros of a dilated gradient.
 */
function blockedInputGradient(site: Site, planes: Planes): string | undefined {
  const { layout, channels, filters, kernel, isDepthwise } = planes;
  if (![channels, filters].every((count) => layout.fits(count) && count >= layout.block)) return undefined;
  const [rows, columns] = [phasesOf(planes, 0), phasesOf(planes, 1)];
  if (!rows || !columns) return undefined;
  const value = layout.input(asPlanes(site, site.dy, site.y));
  const shape = [filters, isDepthwise ? 1 : channels, ...kernel] as const;
  const weight = site.rank(site.x) === 4 ? site.input(1)! : site.g.reshape(site.input(1)!, shape);
  const parts = rows.map((row) =>
    columns.map((column) => {
      const taps = row.taps.flatMap((i) => column.taps.map((j) => i * kernel[1] + j));
      const sizes = [row.taps.length, column.taps.length] as const;
      const filter = isDepthwise
        ? layout.depthwiseFilter(weight, shape, taps, sizes)
        : layout.transposedFilter(weight, shape, taps, sizes);
      return layout.conv(value, filter, {
        kernel_shape: sizes,
        strides: [1, 1],
        dilations: planes.dilations,
        pads: [row.begin, column.begin, row.end, column.end],
        group: isDepthwise ? layout.roundUp(channels) : 1,
      });
    }),
  );
  const result = layout.output(interleave(planes, parts), channels);
  return site.rank(site.x) === 4 ? result : site.reshapeLike(result, site.x);
}

/**
 * Phases of an axis that any tap reaches. Undefined where they are not the first ones, or where a convolution would have
 * to crop.
 */
function phasesOf({ kernel, strides, dilations, begin, sizes, windows }: Planes, axis: 0 | 1): Phase[] | undefined {
  const [taps, stride, dilation, pad] = [kernel[axis], strides[axis], dilations[axis], begin[axis]];
  if (stride > 1 && dilation > 1) return undefined;
  const positions = Math.ceil(sizes[axis] / stride);
  const phases = Array.from({ length: stride }, (_, rest) => {
    const first = (rest + pad) % stride;
    const shift = Math.floor((rest + pad) / stride);
    const reached = Array.from({ length: taps }, (_, tap) => tap).filter((tap) => tap % stride === first);
    const lead = (reached.length - 1) * dilation - shift;
    return { taps: reached.reverse(), begin: lead, end: positions - windows[axis] + shift };
  });
  const used = phases.findLastIndex((phase) => phase.taps.length) + 1;
  const first = phases.slice(0, used);
  return first.every((phase) => phase.taps.length && phase.begin >= 0 && phase.end >= 0) ? first : undefined;
}

/** Puts the phases of blocked values side by side, zeros where no tap reaches, and cuts what is beyond the input. */
function interleave({ layout, channels, sizes, strides }: Planes, parts: string[][]): string {
  const { g, block } = layout;
  if (strides[0] * strides[1] === 1) return parts[0]![0]!;
  const [height, width] = sizes.map((size, axis) => Math.ceil(size / strides[axis]!) * strides[axis]!) as [
    number,
    number,
  ];
  /** Joins values of rows of `length` elements, row by row. */
  const join = (values: string[], length: number, stride: number) => {
    const rows = values.map((value) => g.reshape(value, [-1, length]));
    const joined = rows.length > 1 ? g.op('Concat', rows, { axis: 1 }) : rows[0]!;
    const missing = (stride - rows.length) * length;
    return missing ? g.op('Pad', [joined, g.ints([0, 0, 0, missing])]) : joined;
  };
  const rows = parts.map((row) => join(row, block, strides[1]));
  const whole = g.reshape(join(rows, width * block, strides[0]), [-1, layout.roundUp(channels), height, width]);
  if (height === sizes[0] && width === sizes[1]) return whole;
  const runs = g.reshape(whole, [-1, layout.roundUp(channels) / block, height, width * block]);
  const cut = g.op('Slice', [runs, g.ints([0, 0]), g.ints([sizes[0], sizes[1] * block]), g.ints([2, 3])]);
  return g.reshape(cut, [-1, layout.roundUp(channels), ...sizes]);
}
