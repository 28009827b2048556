import { Emitter } from '../ir/emitter.js';
import { Model } from '../ir/model.js';

/** Optimizers by the name that options use. */
export type OptimizerName = 'sgd' | 'adam' | 'adamw';

/** An optimizer with its settings. */
export interface Optimizer {
  name: OptimizerName;
  /** SGD: share of the last step that is kept; 0 for none. */
  momentum: number;
  /** SGD: Nesterov's form of momentum. */
  nesterov: boolean;
  /** Adam: shares of the moments that are kept. */
  betas: readonly [number, number];
  epsilon: number;
  weightDecay: number;
  /** Largest norm of all gradients together; larger ones are scaled down to it. 0 for no limit. */
  maxGradientNorm: number;
  /** Share of the moving average of the weights that is kept; 0 for no average. */
  emaDecay: number;
}

/** Scalars that change from step to step. */
export interface StepScalars {
  learningRate: number;
  /** Updates done, this one included. */
  step: number;
  /** What the gradient is multiplied by: below 1 where it is clipped. */
  gradientScale: number;
}

/** What an optimizer's graph is given and gives, beside `parameters` and `gradients`. */
interface UpdateRule {
  /** Vectors that it keeps between steps, zero at first. */
  states(optimizer: Optimizer): readonly string[];
  /** Emits the new parameters; sets what becomes of the states. */
  update(at: UpdateSite): string;
  /** Scalars of the graph, computed for each step. */
  scalars(optimizer: Optimizer, step: StepScalars, weightDecay: number): Record<string, number>;
}

interface UpdateSite {
  g: Emitter;
  optimizer: Optimizer;
  /** Names of the inputs. */
  parameters: string;
  gradients: string;
  state(name: string): string;
  scalar(name: string): string;
  keep(state: string, value: string): void;
}

/** Sutskever et al., "On the importance of initialization and momentum", 2013, in PyTorch's form. */
const sgd: UpdateRule = {
  states: ({ momentum }) => (momentum ? ['momentum'] : []),
  update(site) {
    const { g, optimizer, parameters, state, scalar, keep } = site;
    let direction = withDecay(site);
    if (optimizer.momentum) {
      const velocity = g.add(g.mul(state('momentum'), optimizer.momentum), direction);
      keep('momentum', velocity);
      direction = optimizer.nesterov ? g.add(direction, g.mul(velocity, optimizer.momentum)) : velocity;
    }
    return g.sub(parameters, g.mul(direction, scalar('rate')));
  },
  scalars: (_, { learningRate }, weightDecay) => ({ rate: learningRate, decay: weightDecay }),
};

/** Kingma and Ba, "Adam", 2015; the decay is part of the gradient. */
const adam: UpdateRule = {
  states: () => ['mean', 'variance'],
  update(site) {
    return site.g.sub(site.parameters, adamStep(site, withDecay(site)));
  },
  scalars: (optimizer, step, weightDecay) => ({ ...adamScalars(optimizer, step), decay: weightDecay }),
};

/** Loshchilov and Hutter, "Decoupled weight decay regularization", 2019. */
const adamw: UpdateRule = {
  states: () => ['mean', 'variance'],
  update(site) {
    const { g, optimizer, parameters, gradients, scalar } = site;
    const kept = optimizer.weightDecay ? g.mul(parameters, scalar('keep')) : parameters;
    return g.sub(kept, adamStep(site, gradients));
  },
  scalars: (optimizer, step, weightDecay) => ({
    ...adamScalars(optimizer, step),
    keep: 1 - step.learningRate * weightDecay,
  }),
};

/** The gradient with the pull towards zero that L2 regularisation adds to it. */
function withDecay({ g, optimizer, parameters, gradients, scalar }: UpdateSite): string {
  return optimizer.weightDecay ? g.add(gradients, g.mul(parameters, scalar('decay'))) : gradients;
}

/**
 * The moments are kept without the factors 1 − β that the paper puts before what is added: the step's scalars make up for
 * them, and each is one pass over memory less.
 */
function adamStep({ g, optimizer, state, scalar, keep }: UpdateSite, gradient: string): string {
  const [first, second] = optimizer.betas;
  const mean = g.add(g.mul(state('mean'), first), gradient);
  const variance = g.add(g.mul(state('variance'), second), g.mul(gradient, gradient));
  keep('mean', mean);
  keep('variance', variance);
  return g.mul(g.div(mean, g.add(g.op('Sqrt', [variance]), scalar('epsilon'))), scalar('rate'));
}

function adamScalars({ betas: [first, second], epsilon }: Optimizer, { learningRate, step }: StepScalars) {
  const deviation = Math.sqrt((1 - second) / (1 - second ** step));
  const mean = (1 - first) / (1 - first ** step);
  return { rate: (learningRate * mean) / deviation, epsilon: epsilon / deviation };
}

const RULES: Record<OptimizerName, UpdateRule> = { sgd, adam, adamw };

/** Name of the state that holds the moving average of the weights; it begins as the weights. */
export const EMA = 'average';

/** Vectors that an optimizer keeps between steps. */
export function optimizerStates(optimizer: Optimizer): string[] {
  return [...RULES[optimizer.name].states(optimizer), ...(optimizer.emaDecay ? [EMA] : [])];
}

/**
 * One update of a flat vector of parameters as a model: inputs `parameters`, `gradients`, the states and the scalars of
 * `updateScalars`; outputs `new/parameters` and `new/` each state. Each output may be written over its input.
 */
export function buildUpdate(optimizer: Optimizer): Model {
  const model = new Model();
  model.opsets.set('', 18);
  model.graph.name = 'update';
  const rule = RULES[optimizer.name];
  const g = new Emitter(model, 'update');
  const states = optimizerStates(optimizer);
  const scalars = Object.keys(updateScalars(optimizer, { learningRate: 0, step: 1, gradientScale: 1 }, 0));
  for (const name of ['parameters', 'gradients', ...states]) declare(model, name, ['n']);
  for (const name of scalars) declare(model, name, []);
  const kept = new Map<string, string>();
  const parameters = rule.update({
    g,
    optimizer,
    parameters: 'parameters',
    gradients: optimizer.maxGradientNorm ? g.mul('gradients', 'scale') : 'gradients',
    state: (name) => name,
    scalar: (name) => name,
    keep: (state, value) => kept.set(state, value),
  });
  if (optimizer.emaDecay)
    kept.set(EMA, g.add(g.mul(EMA, optimizer.emaDecay), g.mul(parameters, 1 - optimizer.emaDecay)));
  for (const [name, value] of [['parameters', parameters] as const, ...kept]) {
    g.rename(value, `new/${name}`);
    model.graph.outputs.push({ name: `new/${name}`, type: { kind: 'tensor', elem: 'float32', shape: ['n'] } });
  }
  return model;
}

/** Values of the update's scalar inputs at a step. */
export function updateScalars(optimizer: Optimizer, step: StepScalars, weightDecay: number): Record<string, number> {
  return { scale: step.gradientScale, ...RULES[optimizer.name].scalars(optimizer, step, weightDecay) };
}

function declare(model: Model, name: string, shape: readonly string[]): void {
  model.graph.inputs.push({ name: model.freshName(name), type: { kind: 'tensor', elem: 'float32', shape } });
}
