import { Emitter } from '../../ir/emitter.js';
import type { Model } from '../../ir/model.js';
import { removeDeadNodes } from '../cleanup/remove-dead-nodes.js';
import { type Exit, findRowAxes } from './stages.js';
import { emitUncertainty, type Measure, type ScoreForm } from './uncertainty.js';

/** A model that shows what every exit gives, for every row. */
export interface ExitProbe {
  model: Model;
  /** Outputs: the scores of each exit. */
  scores: string[];
  /** Outputs: how unsure each exit is of a row, by each measure. */
  unsure: string[][];
}

/** A copy of a model with several exits whose outputs are the scores of all of them, and how unsure they are. */
export async function probeExits(
  flat: Model,
  exits: readonly Exit[],
  form: ScoreForm,
  measures: readonly Measure[],
): Promise<ExitProbe> {
  const model = flat.clone();
  const { typeOf, dimsOf } = await findRowAxes(flat);
  const g = new Emitter(model, 'probe');
  const floats = exits.map(({ scores }) => (typeOf(scores) === 'float32' ? scores : g.cast(scores, 1)));
  const scores = floats.map((value) => g.op('Identity', [value]));
  const unsure = exits.map(({ temperature }, k) =>
    measures.map((measure) =>
      emitUncertainty(g, floats[k]!, { ...form, rank: dimsOf(exits[k]!.scores)?.length }, measure, temperature),
    ),
  );
  model.graph.outputs = [...scores, ...unsure.flat()].map((name) => ({ name }));
  await removeDeadNodes.run(model);
  return { model, scores, unsure };
}
