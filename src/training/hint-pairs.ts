import { embeddingOf } from '../analysis/embedding.js';
import { type Stage, stagesOf } from '../analysis/feature-maps.js';
import { transformerLayers } from '../analysis/transformer-layers.js';
import type { ValueFacts } from '../analysis/value-types.js';
import { UserError } from '../errors.js';
import type { Model } from '../ir/model.js';
import type { HintKind } from './hints.js';

/** A model in which values are looked for. */
export interface SearchedModel {
  path: string;
  model: Model;
  /** Types and shapes for a typical batch. */
  facts: ReadonlyMap<string, ValueFacts>;
  /** Output that holds the scores. */
  output: string;
}

/** What is looked for, by kind. */
const WANTED: Readonly<Record<HintKind, string>> = {
  features: 'stages of convolutions',
  'attention-maps': 'stages of convolutions',
  relations: 'a layer of weights that the scores come from',
  'hidden-states': 'layer normalizations of [rows, tokens, width] before attention',
  attentions: 'attention, a softmax between two products of matrices',
};

/**
 * Finds the values of a student and its teacher that belong together: stages of the same resolution, or else stages and
 * layers spread evenly over the teacher's; the embeddings that the scores come from.
 * @throws UserError naming what was looked for in a model that lacks it
 */
export function pairsOf(kind: HintKind, student: SearchedModel, teacher: SearchedModel): [string, string][] {
  switch (kind) {
    case 'features':
    case 'attention-maps': {
      const [own, taught] = [student, teacher].map((one) => found(kind, one, stagesOf(one.model, one.facts)));
      return pairStages(own!, taught!, teacher).map(([a, b]) => [a.value, b.value]);
    }
    case 'relations': {
      const [own, taught] = [student, teacher].map((one) => {
        const embedding = embeddingOf(one.model, one.output);
        return found(kind, one, embedding === undefined ? [] : [embedding])[0]!;
      }) as [string, string];
      return [[own, taught]];
    }
    case 'hidden-states':
      return spread(...both(kind, student, teacher, ({ hiddenStates }) => hiddenStates), 0);
    case 'attentions':
      return spread(...both(kind, student, teacher, ({ attentions }) => attentions), 1);
  }
}

type Layers = ReturnType<typeof transformerLayers>;

function both(
  kind: HintKind,
  student: SearchedModel,
  teacher: SearchedModel,
  choose: (layers: Layers) => readonly string[],
): [readonly string[], readonly string[]] {
  const [own, taught] = [student, teacher].map((one) =>
    found(kind, one, choose(transformerLayers(one.model, one.facts))),
  );
  return [own!, taught!];
}

function found<T>(kind: HintKind, { path }: SearchedModel, values: readonly T[]): readonly T[] {
  if (values.length) return values;
  throw new UserError(`has no ${kind} to match: looked for ${WANTED[kind]}`, {
    file: path,
    mend: `name two values, --match ${kind}=student_value,teacher_value, or match something else`,
  });
}

/** Resolutions are the same up to half an octave: strides round in more than one way. */
const SAME_RESOLUTION = 0.5;

/** Stages of the same resolution; where there are none, each of the student's with one of the teacher's by depth. */
function pairStages(
  student: readonly Stage[],
  teacher: readonly Stage[],
  { path }: SearchedModel,
): (readonly [Stage, Stage])[] {
  const [axes, other] = [student, teacher].map(([stage]) => stage!.sizes.length);
  if (axes !== other)
    throw new UserError(`its feature maps have ${other} axes of positions, those of the student ${axes}`, {
      file: path,
      mend: 'match relations, which compare any embeddings',
    });
  const distance = (a: Stage, b: Stage) => Math.abs(Math.log2(a.scale / b.scale));
  const pairs = student.flatMap((stage) => {
    const [nearest] = [...teacher].sort((a, b) => distance(stage, a) - distance(stage, b));
    return distance(stage, nearest!) < SAME_RESOLUTION ? [[stage, nearest!] as const] : [];
  });
  return pairs.length ? pairs : spread(student, teacher, 1);
}

/**
 * Pairs the values of a student with those of its teacher, the last ones with each other and the others evenly between.
 * @param before 1 where the values lie behind the layers, 0 where the first one lies before them.
 */
function spread<T>(student: readonly T[], teacher: readonly T[], before: 0 | 1): [T, T][] {
  const [own, taught] = [student, teacher].map(({ length }) => length - 1 + before) as [number, number];
  return student.map((value, k) => {
    const place = own ? Math.round(((k + before) * taught) / own) : taught;
    return [value, teacher[Math.max(0, place - before)]!];
  });
}
