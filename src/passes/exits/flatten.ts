import { UserError } from '../../errors.js';
import { Emitter } from '../../ir/emitter.js';
import type { Graph } from '../../ir/graph.js';
import type { Model } from '../../ir/model.js';
import type { Node } from '../../ir/node.js';
import { removeDeadNodes } from '../cleanup/remove-dead-nodes.js';
import { computeSame } from '../same-computation.js';
import { type ExitCard, readExitCard, removeExitCard } from './card.js';
import { type ExitDesign, withExits } from './design.js';

/** A model whose cost depends on the input, taken apart. */
export interface FlatModel {
  /** Computes all exits for all samples; its outputs are the scores of the last exit, then those of the others. */
  flat: Model;
  /** What makes the model of it again. */
  design: ExitDesign;
}

/**
 * Takes a model that `withExits` made apart again.
 * @returns undefined for any other, and where another tool changed what sends samples on, so that it would not come out again
 */
export async function flatten(model: Model): Promise<FlatModel | undefined> {
  const card = readExitCard(model);
  const output = model.graph.outputs.find(({ name }) => name !== card?.exit)?.name;
  if (!card?.routing || output === undefined) return undefined;
  const { threshold, exit, macs, routing } = card;
  const flat = model.clone();
  const scores = joinLevels(flat, output, card);
  if (!scores) return undefined;
  const design: ExitDesign = {
    ...{ output, macs, form: routing.form, measure: routing.measure, names: { threshold, exit } },
    thresholds: [...model.graph.initializers.get(threshold)!.toNumbers()],
    costs: card.exits.map(({ cost }) => cost),
    exits: card.exits.map(({ name }, k) => ({
      ...{ name, scores: scores[k] ?? output, temperature: routing.temperatures[k] ?? 1 },
    })),
  };
  await removeDeadNodes.run(flat);
  return (await comesOutAgain(model, flat, design)) ? { flat, design } : undefined;
}

async function comesOutAgain(model: Model, flat: Model, design: ExitDesign): Promise<boolean> {
  try {
    return computeSame(await withExits(flat, design), model);
  } catch (error) {
    if (error instanceof UserError) return false;
    throw error;
  }
}

/**
 * Puts the nodes of all branches into the main graph, where they take all rows.
 * @returns the scores of all exits but the last; undefined where the graph is not what routing writes
 */
function joinLevels(model: Model, output: string, { threshold, exits }: ExitCard): string[] | undefined {
  const { graph } = model;
  const [nodes, scores]: [Node[], string[]] = [[], []];
  const whole = new Map<string, string>();
  let level = { graph, scores: output };
  for (const _ of exits.slice(1)) {
    const choice = choiceOf(level.graph, level.scores);
    if (!choice) return undefined;
    nodes.push(...level.graph.nodes.filter((node) => node !== choice.node));
    scores.push(choice.scores);
    for (const [some, all] of choice.gathered) whole.set(some, all);
    level = choice.next;
    for (const [name, tensor] of level.graph.initializers) graph.initializers.set(name, tensor);
  }
  graph.nodes = [...nodes, ...level.graph.nodes].filter(({ outputs }) => !whole.has(outputs[0]!));
  graph.replaceAllUses(whole);
  new Emitter(model, output).rename(level.scores, output);
  const last = graph.outputs.find(({ name }) => name === output)!;
  graph.outputs = [last, ...scores.map((name) => ({ ...last, name }))];
  graph.inputs = graph.inputs.filter(({ name }) => name !== threshold);
  graph.initializers.delete(threshold);
  removeExitCard(model);
  return scores;
}

/** Where samples leave or go on. */
interface Choice {
  node: Node;
  /** Scores of the samples that leave. */
  scores: string;
  /** What is computed for the others, and the scores that it gives them. */
  next: { graph: Graph; scores: string };
  /** Values of which only the rows that go on are taken, each with the value that has all rows. */
  gathered: Map<string, string>;
}

function choiceOf(graph: Graph, value: string): Choice | undefined {
  const node = producerOf(graph, value);
  const [rest, leave] = ['then_branch', 'else_branch'].map((name) => {
    const branch = node?.attributes.get(name);
    return branch?.kind === 'graph' ? branch.value : undefined;
  });
  const taken = leave?.outputs[0] && producerOf(leave, leave.outputs[0].name);
  if (!node || !rest?.outputs[0] || taken?.type !== 'Identity') return undefined;
  const [scores, given] = [taken.inputs[0]!, rest.outputs[0].name];
  const putBack = producerOf(rest, given);
  // With one sample at a time there is nothing to put back.
  if (putBack?.type !== 'ScatterND' || putBack.inputs[0] !== scores)
    return { node, scores, next: { graph: rest, scores: given }, gathered: new Map() };
  const [, places, some] = putBack.inputs;
  const found = producerOf(rest, producerOf(rest, places)?.inputs[0]);
  const stays = found?.inputs[0];
  const compressed = rest.nodes.filter(({ type, inputs }) => type === 'Compress' && inputs[1] === stays);
  return {
    ...{ node, scores, next: { graph: rest, scores: some! } },
    gathered: new Map(compressed.map(({ inputs, outputs }) => [outputs[0]!, inputs[0]!])),
  };
}

const producerOf = ({ nodes }: Graph, value: string | undefined): Node | undefined =>
  nodes.find(({ outputs }) => value !== undefined && outputs.includes(value));
