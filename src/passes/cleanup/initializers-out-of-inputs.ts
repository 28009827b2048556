import type { Model } from '../../ir/model.js';
import type { Pass } from '../pass.js';

/** From this IR version on, an initializer need not be an input, and one that is can be overridden by a caller. */
const PLAIN_INITIALIZERS = 4n;

/**
 * Takes initializers out of the graph's inputs, so that they count as constants, and raises the IR version to the first
 * that allows it.
 */
export const initializersOutOfInputs: Pass = {
  name: 'initializers-out-of-inputs',
  description: 'Initializers are constants, no longer inputs that a caller could override',
  run(model) {
    const overridable = model.irVersion >= PLAIN_INITIALIZERS;
    const taken = takeOut(model);
    if (!overridable) model.irVersion = PLAIN_INITIALIZERS;
    const notes =
      overridable && taken.length
        ? [`callers can no longer override initializers (${taken.length}): ${someOf(taken)}`]
        : [];
    return { changed: taken.length + Number(!overridable), notes };
  },
};

/**
 * Makes room for constants in a model of an IR version in which every initializer is an input. Passes that add
 * initializers call it first.
 */
export function allowPlainInitializers(model: Model): void {
  if (model.irVersion >= PLAIN_INITIALIZERS) return;
  takeOut(model);
  model.irVersion = PLAIN_INITIALIZERS;
}

function takeOut({ graph }: Model): string[] {
  const taken = graph.inputs.map((input) => input.name).filter((name) => graph.initializers.has(name));
  if (taken.length) graph.inputs = graph.inputs.filter((input) => !graph.initializers.has(input.name));
  return taken;
}

function someOf(names: readonly string[]): string {
  return names.length > 5 ? `${names.slice(0, 5).join(', ')}, …` : names.join(', ');
}
