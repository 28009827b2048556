import type { GradientRow, Site } from './site.js';

/** Losses that are operators: they compare scores `[N, C, …]` with class numbers `[N, …]`. */
export const likelihood: Record<string, GradientRow> = {
  NegativeLogLikelihoodLoss: (site) => {
    checkWeights(site);
    if (site.wants(0)) site.give(0, byLogProbabilities(site));
  },
  /** By the scores: the gradient by the log-probabilities, sent back through LogSoftmax. */
  SoftmaxCrossEntropyLoss: (site) => {
    const { g, node } = site;
    checkWeights(site);
    if (!site.wants(0)) return;
    const ofOutput = site.gradientOf(1);
    const ofLoss = site.gradientOf(0) && byLogProbabilities(site);
    const gradient = ofLoss && ofOutput ? g.add(ofLoss, ofOutput) : (ofLoss ?? ofOutput!);
    const probabilities = node.outputs[1] ? g.op('Exp', [node.outputs[1]]) : g.op('Softmax', [site.x], { axis: 1 });
    site.give(0, g.sub(gradient, g.mul(probabilities, g.sum(gradient, [1]))));
  },
};

function checkWeights(site: Site): void {
  if (site.wants(2)) site.refuse('class weights that are trained');
}

/** `-weight·dy` at the class of each position; for a mean `dy` is shared by the weights of all positions. */
function byLogProbabilities(site: Site): string {
  const { g, dy } = site;
  const { classes, weights } = positions(site);

  const depth = g.op('Slice', [g.shape(site.x), g.ints([1]), g.ints([2])]);
  const target = g.op('OneHot', [classes, depth, g.constantOf('float32', [2], [0, -1])], { axis: 1 });
  const reduction = site.node.string('reduction', 'mean');
  const count = weights ? g.sum(weights, undefined, false) : g.cast(g.op('Size', [classes]), 1);
  const scale = reduction === 'mean' ? g.div(dy, count) : dy;
  const each = weights ? g.mul(weights, scale) : scale;
  const isVector = weights !== undefined || reduction === 'none';
  return g.mul(target, isVector ? g.op('Unsqueeze', [each, g.ints([1])]) : each);
}

/** The class of each position, and its weight where that is not 1. Ignored positions have class 0 and no weight. */
function positions(site: Site): { classes: string; weights: string | undefined } {
  const { g, node } = site;
  const target = g.cast(node.inputs[1]!, 7);
  const ignored = node.int('ignore_index');
  if (ignored === undefined) return { classes: target, weights: weightsOf(site, target) };
  const isIgnored = g.op('Equal', [target, g.scalar(ignored, 'int64')]);
  const classes = g.where(isIgnored, g.scalar(0, 'int64'), target);
  return { classes, weights: g.where(isIgnored, 0, weightsOf(site, classes) ?? 1) };
}

function weightsOf(site: Site, classes: string): string | undefined {
  const weights = site.input(2);
  return weights && site.g.op('Gather', [weights, classes], { axis: 0 });
}
