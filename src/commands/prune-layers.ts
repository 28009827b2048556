import { findResidualLayers, type ResidualLayer, type ResidualLayers } from '../analysis/residual-layers.js';
import { inferSymbolicShapes } from '../analysis/symbolic-shapes.js';
import { UserError } from '../errors.js';
import type { Model } from '../ir/model.js';
import { dropLayers, evenLayers, leastHarmful, prepareForDepth } from '../passes/prune/drop-layers.js';
import { createJudge } from './judge.js';
import { keptBy, type PruningMethod, type PruningSite } from './prune-method.js';

/**
 * Leaves out residual blocks or transformer layers: those without which outputs change least on some inputs or, without
 * inputs, all but a few that are spread evenly.
 * @throws UserError where the model has no such layers, or not more than are to stay
 */
export async function layersMethod(site: PruningSite): Promise<PruningMethod> {
  const { bench, options } = site;
  const keeps = keptBy(site);
  const original = await layersOf(bench.model);
  const kept = options.layers!;
  const all = [...original.layers, ...original.refused].map(({ name }) => name);
  const held = [
    ...original.refused,
    ...original.layers.flatMap(({ name, nodes }) => {
      const reason = keeps(nodes);
      return reason ? [{ name, reason }] : [];
    }),
  ];
  checkNumber(all, held, kept, bench.path);
  const importance = importanceOf(site);
  const choose = importance === 'effect' ? byMeasuredEffect(site) : evenly;
  return {
    importance,
    levels: all.length - kept,
    async prune(model, share) {
      const found = await layersOf(model);
      const target = Math.round(all.length - (all.length - kept) * share);
      const free = found.layers.filter(({ name }) => held.every((one) => one.name !== name));
      const count = found.layers.length + found.refused.length - target;
      const dropped = await choose(found.model, free, count);
      const shallow = dropLayers(found.model, dropped);
      const left = new Set([...found.layers, ...found.refused].map(({ name }) => name));
      for (const { name } of dropped) left.delete(name);
      return {
        model: shallow,
        groups: all.map((name) => ({ name, before: 1, after: Number(left.has(name)) })),
        left: held,
      };
    },
  };
}

/** @throws UserError where inputs are needed and there are none */
function importanceOf({ options, calibration, context }: PruningSite): 'effect' | 'even' {
  if (options.importance === 'even') return 'even';
  if (calibration) return 'effect';
  if (options.importance === 'effect')
    throw new UserError('needs inputs to measure on', {
      file: '--importance effect',
      mend: 'name some with --calibration or --data',
    });
  context.note('no inputs are there to measure on: the layers that stay are spread evenly');
  return 'even';
}

async function layersOf(given: Model): Promise<ResidualLayers & { model: Model }> {
  const model = await prepareForDepth(given);
  const { facts } = await inferSymbolicShapes(model);
  return { model, ...findResidualLayers(model, facts) };
}

function checkNumber(
  all: readonly string[],
  held: readonly { name: string; reason: string }[],
  kept: number,
  file: string,
): void {
  const instead = { file, mend: 'prune channels with --macs' };
  if (!all.length) throw new UserError('has no residual blocks or transformer layers that could be left out', instead);
  if (all.length === 1) throw new UserError(`has one layer alone (${all[0]}), and one has to stay`, instead);
  if (kept >= all.length)
    throw new UserError(`has ${all.length} layers, of which ${kept} are to stay`, {
      file,
      mend: `ask for fewer with --layers: ${all.join(', ')}`,
    });
  if (held.length <= kept) return;
  const why = held.map(({ name, reason }) => `${name}: ${reason}`).join('; ');
  if (held.length === all.length) throw new UserError(`all of its layers have to stay (${why})`, instead);
  throw new UserError(`${held.length} of its ${all.length} layers have to stay (${why})`, {
    file,
    mend: `--layers ${held.length} is the least`,
  });
}

type Choose = (model: Model, free: readonly ResidualLayer[], count: number) => Promise<ResidualLayer[]>;

const evenly: Choose = async (_, free, count) => {
  const kept = evenLayers(free.length, free.length - count);
  return free.filter((_, place) => !kept.has(place));
};

function byMeasuredEffect({ bench, calibration, options, context }: PruningSite): Choose {
  const judge = createJudge(bench, calibration!.data, [], { seed: options.seed, benchmark: false });
  return async (model, free, count) => {
    const task = context.progress.start('measuring what layers do', count);
    const dropped = await leastHarmful(model, free, count, async (models) => {
      const found = await judge.fidelities!(models);
      task.advance();
      return found.map(({ sqnrDb }) => sqnrDb);
    });
    task.done();
    return dropped;
  };
}
