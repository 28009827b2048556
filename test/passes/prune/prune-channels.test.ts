import { beforeAll, describe, expect, it } from 'vitest';
import { elementCount, type NamedValues } from '../../../src/ir/types.js';
import { readModel } from '../../../src/onnx/read.js';
import { parseModel } from '../../../src/onnx/text.js';
import { CRITERIA } from '../../../src/passes/prune/importance/index.js';
import { type ChannelOptions, ChannelPruning } from '../../../src/passes/prune/prune-channels.js';
import { seededRandom } from '../../../src/random.js';
import { outputsOf } from '../cleanup/same-outputs.js';

async function* batches(): AsyncGenerator<NamedValues> {
  const random = seededRandom(5);
  for (let k = 0; k < 8; k++) {
    const dims = [8, 1, 28, 28];
    yield {
      x: { type: 'float32', dims, data: Float32Array.from({ length: elementCount(dims) }, () => 2 * random() - 1) },
    };
  }
}

describe('ChannelPruning', () => {
  const original = readModel('fixtures/fashion-mobilenet/model.onnx');
  const name = original.graph.inputs[0]!.name;
  const options: ChannelOptions = {
    criterion: CRITERIA.reconstruction,
    seed: 0,
    multiple: 4,
    batches: async function* () {
      for await (const { x } of batches()) yield { [name]: x! };
    },
  };
  let pruning: ChannelPruning;
  beforeAll(async () => {
    pruning = await ChannelPruning.prepare(original, options);
  });

  it('prunes to a share of the cost, and fits what is left', async () => {
    const budget = pruning.budget('macs', 0.5);
    expect(budget.isReached).toBe(true);
    expect(budget.share).toBeLessThanOrEqual(0.5);
    expect(budget.share).toBeGreaterThan(0.45);
    const [removed, fitted] = [await pruning.prune(budget), await pruning.prune(budget, options)];
    for (const { before, after } of removed.groups) expect(after === before || after % 4 === 0).toBe(true);
    expect(fitted.cost).toEqual(removed.cost);
    const errors = [0, 0];
    for await (const feeds of options.batches()) {
      const [wanted, ...found] = await Promise.all(
        [pruning.model, removed.model, fitted.model].map(
          async (model) => Object.values(await outputsOf(model, feeds))[0]!,
        ),
      );
      for (const [k, { data }] of found.entries())
        for (const [i, value] of (data as Float32Array).entries())
          errors[k]! += (value - (wanted!.data[i] as number)) ** 2;
    }
    expect(errors[1]! / errors[0]!).toBeLessThan(0.1);
  });

  it('leaves what goes into filters of a spectrum', async () => {
    const model = parseModel(`<ir_version: 8, opset_import: ["": 17]> f (float[n,1,16] x) => (float[n,2,9] y)
      <float[4,1,8] k = {${Array(32).fill(0.1)}}, float[2,4] filters = {1,0,0.5,0.5,0,1,0,1}, float floor = {0.1}>
      { c = Conv(x, k) s = Mul(c, c) m = MatMul(filters, s) b = Max(m, floor) y = Log(b) }`);
    const { groups, left } = await ChannelPruning.prepare(model, { ...options, criterion: CRITERIA.l2 });
    expect(groups).toEqual([]);
    expect(left).toContainEqual(expect.objectContaining({ reason: 'its channels go into filters of a spectrum' }));
  });

  it('says how near it comes', () => {
    const budget = pruning.budget('parameters', 0.001);
    expect(budget.isReached).toBe(false);
    expect(budget.share).toBeGreaterThan(0.001);
  });

  it('takes finer widths where those that the machine likes do not do', async () => {
    const { seed, batches: inputs } = options;
    const free = await ChannelPruning.prepare(original, { criterion: CRITERIA.l2, seed, batches: inputs });
    const [even, uneven] = [free.budget('macs', 0.5), free.budget('macs', 0.01)];
    expect(even).toMatchObject({ isReached: true, isUneven: false });
    expect(uneven).toMatchObject({ isReached: true, isUneven: true });
    expect(even.widths.every((width, k) => width % 8 === 0 || width === free.groups[k]!.size)).toBe(true);
    expect(uneven.widths.some((width) => width < 8)).toBe(true);
  });

  it('has nothing to measure where no channels can go', async () => {
    const text =
      '<ir_version: 8, opset_import: ["": 17]> f (float[n,2] x) => (float[n,2] y) <float[2,2] w = {1,2,3,4}>';
    const one = await ChannelPruning.prepare(parseModel(`${text} { [only] y = MatMul(x, w) }`), {
      ...{ criterion: CRITERIA.reconstruction, seed: 0 },
      batches: async function* () {
        yield { x: { type: 'float32', dims: [1, 2], data: Float32Array.of(1, 2) } };
      },
    });
    expect(one.groups).toEqual([]);
    expect(one.left).toEqual([{ name: 'only', reason: 'graph output y' }]);
  });

  it('leaves groups alone, and channels in each', async () => {
    const limited = await ChannelPruning.prepare(original, {
      ...options,
      criterion: CRITERIA.l2,
      maxPerGroup: 0.5,
      minimum: 20,
      keep: ({ size }) => (size > 100 ? 'it is large' : undefined),
    });
    const { groups } = await limited.prune(limited.budget('macs', 0.01));
    for (const { before, after } of groups) {
      expect(before).toBeLessThanOrEqual(100);
      expect(after).toBeGreaterThanOrEqual(Math.min(before, Math.max(20, before / 2)));
    }
    expect(limited.left.some(({ reason }) => reason === 'it is large')).toBe(true);
  });
});
