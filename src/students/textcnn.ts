import type { Features } from './layers.js';
import { largest, sequenceOf } from './sequences.js';
import { BLOCK, type StudentTemplate } from './template.js';

/** Tokens that filters see at a time. */
const SPANS = [3, 4, 5];

/** Convolutions over 3, 4 and 5 tokens, the largest value of each filter. */
export const textCnn: StudentTemplate = {
  name: 'textcnn',
  about: 'convolutions over 3, 4 and 5 tokens, and the maximum over all places (Kim 2014)',
  suits: ['tokens', 'sequence'],
  widths: [64, 128],
  block: BLOCK,
  build(layers, input, [embedding, filters]) {
    const { g } = layers;
    const { value, width, mask } = sequenceOf(layers, input, embedding!);
    const x: Features = { value: g.transpose(value, [0, 2, 1]), width };
    const found = SPANS.map((span) => {
      const layer = layers.within(`span${span}`);
      const y = layer.rectified(layer.convolution(x, { outputs: filters!, kernel: [span] }, true));
      return largest(layers, { value: g.transpose(y.value, [0, 2, 1]), width: y.width, mask }).value;
    });
    return { value: g.op('Concat', found, { axis: 1 }), width: SPANS.length * filters! };
  },
};
