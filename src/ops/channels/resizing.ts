import type { ChannelRow, ChannelSite, ResizeSite } from './site.js';

/** Positions of the inputs that say how much larger the output is. */
interface ScaleInputs {
  scales: number;
  sizes?: number;
}

/** Operators that resample axes; those that keep their size are left as they are. */
export const resizing: Record<string, ChannelRow> = {
  Resize: resampling({ scales: 2, sizes: 3 }),
  Upsample: resampling({ scales: 1 }),
};

function resampling(inputs: ScaleInputs): ChannelRow {
  return {
    couple(site) {
      if (site.node.string('coordinate_transformation_mode') === 'tf_crop_and_resize') site.refuse('it crops');
      if (site.node.string('keep_aspect_ratio_policy', 'stretch') !== 'stretch')
        site.refuse('sizes depend on each other');
      const scales = site.constant(inputs.scales)?.toNumbers();
      const axes = axesOf(site, site.rank(site.x));
      for (let axis = 0; axis < site.rank(site.x); axis++) {
        const at = axes.indexOf(axis);
        const isKept =
          at < 0 || (scales?.length ? scales[at] === 1 : site.dims(site.x)[axis] === site.dims(site.y)[axis]);
        if (isKept) site.join([site.x, axis], [site.y, axis]);
      }
    },
    resize(site) {
      if (inputs.sizes === undefined || !site.input(inputs.sizes)) return;
      const y = site.node.outputs[0]!;
      const after = site.after(y);
      const entries = axesOf(site, after.length).flatMap((axis, at): [number, number][] =>
        after[axis] === site.before(y)[axis] ? [] : [[at, after[axis] as number]],
      );
      site.changeNumbers(inputs.sizes, new Map(entries));
    },
  };
}

/** The axes that the scales and sizes are for. */
function axesOf({ node }: ChannelSite | ResizeSite, rank: number): number[] {
  const given = node.ints('axes') ?? Array.from({ length: rank }, (_, axis) => axis);
  return given.map((axis) => (axis < 0 ? axis + rank : axis));
}
