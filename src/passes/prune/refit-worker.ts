import type { NamedValues } from '../../ir/types.js';
import { LocalSession } from '../../runtime/local-session.js';
import { serve } from '../../runtime/serve.js';
import type { MomentOutputs, RefitMethods } from './refit-protocol.js';
import { correct, type Moments } from './ridge.js';

let session: LocalSession | undefined;
let layers: readonly MomentOutputs[] = [];
let moments: Moments[] = [];

serve<RefitMethods>({
  async open(model, wanted, options) {
    layers = wanted;
    moments = wanted.map(noMoments);
    session = await LocalSession.create(model, { ...options, memoryPattern: false });
  },
  async add(feeds) {
    const results = await session!.run(feeds);
    for (const [k, { names }] of layers.entries()) addMoments(moments[k]!, names, results);
  },
  correct(layer, options) {
    const own = moments[layer]!;
    return areFinite(own) ? correct(own, options) : undefined;
  },
  async close() {
    moments = [];
    await session?.release();
    session = undefined;
  },
});

function noMoments({ groups, outputs, inputs }: MomentOutputs): Moments {
  const zeros = (...sizes: number[]) => new Float64Array(sizes.reduce((product, size) => product * size, groups));
  const ofOutputs = () => zeros(outputs);
  return {
    ...{ groups, outputs, inputs, count: 0 },
    ...{ xx: zeros(inputs, inputs), ex: zeros(outputs, inputs), x: zeros(inputs) },
    ...{ e: ofOutputs(), ee: ofOutputs(), t: ofOutputs(), tt: ofOutputs() },
  };
}

function addMoments(to: Moments, names: MomentOutputs['names'], results: NamedValues): void {
  to.count += Number(results[names.count]!.data[0]);
  for (const key of ['xx', 'ex', 'x', 'e', 'ee', 't', 'tt'] as const) {
    const [sums, more] = [to[key], results[names[key]]!.data as Float32Array];
    for (let k = 0; k < sums.length; k++) sums[k]! += more[k]!;
  }
}

function areFinite({ count, xx, ee, tt }: Moments): boolean {
  const all = (values: Float64Array) => values.every(Number.isFinite);
  return count > 0 && all(xx) && all(ee) && all(tt);
}
