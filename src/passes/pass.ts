import { checkModel } from '../ir/check.js';
import type { Model } from '../ir/model.js';

/** What a pass did. */
export interface PassResult {
  /** How many places were changed; 0 means the model is as it was. */
  changed: number;
  /** What a user should know: what was left alone and why. */
  notes?: readonly string[];
}

/**
 * A rewrite of a model in place. Every pass keeps the model's outputs (to float tolerance) unless its description says
 * otherwise, keeps names of graph inputs and outputs, and works on models of any producer.
 */
export interface Pass {
  /** Kebab-case name: `fold-batch-norm`. */
  readonly name: string;
  /** One line for the user. */
  readonly description: string;
  run(model: Model): PassResult | Promise<PassResult>;
}

/** A pass that ran, with what it did. */
export interface PassRecord extends PassResult {
  name: string;
}

/**
 * Runs passes in order on `model`, which they change in place.
 * @throws Error naming the pass that broke the graph, and those before it.
 */
export async function runPasses(model: Model, passes: readonly Pass[]): Promise<PassRecord[]> {
  const records: PassRecord[] = [];
  for (const pass of passes) {
    const result = await pass.run(model);
    if (result.changed) {
      model.graph.sort();
      assertSound(model, [...records.map((record) => record.name), pass.name]);
    }
    records.push({ name: pass.name, ...result });
  }
  return records;
}

function assertSound(model: Model, ran: readonly string[]): void {
  try {
    checkModel(model);
  } catch (error) {
    throw new Error(`pass ${ran[ran.length - 1]} broke the model (ran: ${ran.join(', ')})`, { cause: error });
  }
}
