import type { ChannelRow } from './site.js';

/**
 * Recurrent layers: X [T, N, I], W [D, g·H, I], R [D, g·H, H], B [D, 2g·H], states [D, N, H], Y [T, D, N, H], with g gates
 * and D directions. A hidden unit has its rows in all gates, and its columns in R; both directions share it.
 */
const layer: ChannelRow = {
  couple(site) {
    const [w, r, b, peepholes] = [site.input(1)!, site.input(2)!, site.input(3), site.input(7)];
    const [y, ...states] = site.node.outputs;
    const hidden = site.size(r, 2);
    const unit = (index: number) => index % hidden;
    site.contract([site.x, 2], [w, 2]);
    const made = y ? ([y, 3] as const) : ([states.find(Boolean)!, 2] as const);
    site.produce([w, 1, unit], made);
    site.contract(made, [r, 2]);
    site.join(made, [r, 1, unit]);
    for (const vector of [b, peepholes]) if (vector) site.join(made, [vector, 1, unit]);
    for (const state of [...states, site.input(5), site.input(6)]) if (state) site.join(made, [state, 2]);
  },
  resize(site) {
    const left = site.left(site.input(2)!, 2);
    if (left) site.node.set('hidden_size', left.length);
  },
};

/** Layers with a state that goes from step to step. */
export const recurrent: Record<string, ChannelRow> = { GRU: layer, LSTM: layer, RNN: layer };
