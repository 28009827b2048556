import { Emitter } from '../../src/ir/emitter.js';
import { Model } from '../../src/ir/model.js';
import { Tensor } from '../../src/ir/tensor.js';
import { randomFloats } from '../ops/gradients/check-gradient.js';

/** What a small transformer is made of. */
export interface TransformerSizes {
  layers: number;
  width: number;
  heads: number;
  vocabulary: number;
  classes: number;
  /** True: layer normalization comes before attention (and once more at the end), not behind. */
  normFirst?: boolean;
  /** True: rows are the second axis of hidden states, as in PyTorch's nn.Transformer by default. */
  tokensFirst?: boolean;
}

/**
 * A classifier of token ids `[batch, tokens]` with an attention mask, of random weights. Hidden states are called
 * `state_0` (before the first layer) to `state_n`, attention distributions `attention_1` to `attention_n`.
 */
export function transformer(sizes: TransformerSizes): Model {
  const { layers, width, heads, vocabulary, classes, normFirst = false, tokensFirst = false } = sizes;
  const model = new Model();
  model.opsets.set('', 18);
  const { graph } = model;
  for (const name of ['input_ids', 'attention_mask'])
    graph.inputs.push({ name, type: { kind: 'tensor', elem: 'int64', shape: ['batch', 'tokens'] } });
  graph.outputs.push({ name: 'logits', type: { kind: 'tensor', elem: 'float32', shape: ['batch', classes] } });
  const g = new Emitter(model, 'node');
  let made = 0;
  const weight = (...dims: number[]) => {
    const values = randomFloats(dims, ++made, 0.3).data as Float32Array;
    return g.constant(Tensor.of(`weight_${made}`, 'float32', dims, values));
  };
  const norm = (x: string) => g.op('LayerNormalization', [x, weight(width), weight(width)], { axis: -1 });
  const dense = (x: string, from: number, to: number) => g.add(g.op('MatMul', [x, weight(from, to)]), weight(to));
  const swap = (x: string) => (tokensFirst ? g.transpose(x, [1, 0, 2]) : x);
  const named = (value: string, name: string) => {
    g.rename(value, name);
    return name;
  };
  const mask = g.cast('attention_mask', 1);
  const bias = g.mul(g.sub(g.op('Unsqueeze', [mask, g.ints([1, 2])]), 1), 1e4);
  const attention = (x: string, layer: number) => {
    const split = () =>
      g.transpose(g.reshape(dense(swap(x), width, width), [0, 0, heads, width / heads]), [0, 2, 1, 3]);
    const [queries, keys, values] = [split(), split(), split()];
    const scores = g.mul(g.op('MatMul', [queries!, g.transpose(keys!, [0, 1, 3, 2])]), Math.sqrt(heads / width));
    const distribution = named(g.op('Softmax', [g.add(scores, bias)], { axis: -1 }), `attention_${layer}`);
    const mixed = g.transpose(g.op('MatMul', [distribution, values!]), [0, 2, 1, 3]);
    return swap(dense(g.reshape(mixed, [0, 0, width]), width, width));
  };
  const mlp = (x: string) => dense(g.op('Relu', [dense(x, width, 2 * width)]), 2 * width, width);
  let x = swap(g.op('Gather', [weight(vocabulary, width), 'input_ids'], { axis: 0 }));
  if (!normFirst) x = named(norm(x), 'state_0');
  for (let layer = 1; layer <= layers; layer++) {
    if (normFirst) {
      x = g.add(x, attention(named(norm(x), `state_${layer - 1}`), layer));
      x = g.add(x, mlp(norm(x)));
    } else {
      x = norm(g.add(x, attention(x, layer)));
      x = named(norm(g.add(x, mlp(x))), `state_${layer}`);
    }
  }
  if (normFirst) x = named(norm(x), `state_${layers}`);
  const last = swap(x);
  const shown = g.op('Unsqueeze', [mask, g.ints([2])]);
  const mean = g.div(g.sum(g.mul(last, shown), [1], false), g.sum(mask, [1]));
  named(dense(named(mean, 'embedding'), width, classes), 'logits');
  return model;
}
