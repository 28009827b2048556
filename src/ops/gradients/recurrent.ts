import { type Cell, gruCell, gruCellResetFirst, lstmCell, plainCell } from './recurrent-cells.js';
import { recurrentLayer } from './recurrent-layer.js';
import type { GradientRow, Site } from './site.js';

/** Attributes that change what a cell computes, and the reason why each is refused. */
const REFUSED: Readonly<Record<string, string>> = {
  clip: 'it clips its gates',
  input_forget: 'its input and forget gates are coupled',
};

/** Activations of each direction of a node, as ONNX names them. */
function activations(site: Site, defaults: readonly string[], directions: number): string[] {
  const attribute = site.node.attributes.get('activations');
  const text = new TextDecoder();
  const names = attribute?.kind === 'strings' ? attribute.value.map((name) => text.decode(name)) : [];
  return names.length ? names : Array.from({ length: directions }, () => defaults).flat();
}

/** A row of a cell with the activations that the specification presets. */
const gated =
  (defaults: readonly string[], cellOf: (site: Site) => Cell): GradientRow =>
  (site) => {
    const directions = refuseWhatIsLeft(site);
    const same = activations(site, defaults, directions).every(
      (name, k) => name.toLowerCase() === defaults[k % defaults.length]!.toLowerCase(),
    );
    if (!same) site.refuse('it has other activations than the usual ones');
    recurrentLayer(site, Array(directions).fill(cellOf(site)));
  };

/** Refuses forms without a gradient. @returns the number of directions */
function refuseWhatIsLeft(site: Site): number {
  for (const [name, reason] of Object.entries(REFUSED))
    if (site.node.float(name) || site.node.int(name)) site.refuse(reason);
  if (site.input(7)) site.refuse('it has peepholes');
  return site.node.string('direction', 'forward') === 'bidirectional' ? 2 : 1;
}

/** Recurrent layers. */
export const recurrent: Record<string, GradientRow> = {
  LSTM: gated(['Sigmoid', 'Tanh', 'Tanh'], () => lstmCell),
  GRU: gated(['Sigmoid', 'Tanh'], ({ node }) => (node.int('linear_before_reset', 0) ? gruCell : gruCellResetFirst)),
  RNN: (site) => {
    const names = activations(site, ['Tanh'], refuseWhatIsLeft(site));
    const cells = names.map((name) => plainCell(name) ?? site.refuse(`${name} in a recurrent cell has no gradient`));
    recurrentLayer(site, cells);
  },
};
