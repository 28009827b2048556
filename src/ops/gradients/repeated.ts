import { Emitter } from '../../ir/emitter.js';
import type { Dim, Graph, ValueInfo } from '../../ir/graph.js';
import { cloneGraph } from '../../ir/model.js';
import { Node } from '../../ir/node.js';
import type { DataType } from '../../ir/types.js';
import { ancestorsOf, usedValues } from '../../ir/uses.js';
import { type LoopLayout, type LoopState, loopLayout } from '../loops.js';
import { scatterAdd } from './indexing.js';
import { type Sequence, scan } from './scan.js';
import type { GradientRow, Site } from './site.js';
import { zerosLike } from './sizes.js';

/**
 * The gradient of Loop and Scan: a Scan from the last step to the first. The forward node also hands out the states that
 * each step began with, so that it is known how many steps there were, and each backward step does its forward step again.
 */
export const repeated: GradientRow = (site) => {
  const layout = loopLayout(site.node) ?? site.refuse('it has no body');
  new Repetition(site, layout).differentiate();
};

/** A captured value of which each step takes one slice: `values` is what takes it, `index` which one. */
interface Slices {
  of: string;
  value: string;
  index: string;
}

class Repetition {
  private readonly reverse: boolean;
  /** States that a step may change, and those of them that carry gradients. */
  private readonly varying: readonly LoopState[];
  private readonly moving: readonly LoopState[];
  /** Values that are the same at every step, by their name in the body: states that are handed on, and captured ones. */
  private readonly shared = new Map<string, string>();
  private readonly slices: readonly Slices[];
  private readonly step: Graph;

  constructor(
    private readonly site: Site,
    private readonly layout: LoopLayout,
  ) {
    this.reverse = this.isReverse();
    const handedOn = layout.states.filter((state) => state.isHandedOn);
    this.varying = layout.states.filter((state) => !state.isHandedOn);
    for (const state of this.varying) this.checkShape(state);
    this.moving = this.varying.filter(({ input }) => this.typeOf(input) === 'float32');
    const slices = site.bodies.wanted.map((name) => [name, slicesOf(site, layout.body, name)] as const);
    this.slices = slices.flatMap(([, found]) => found ?? []);
    for (const { input, position } of handedOn)
      if (site.wants(position)) this.shared.set(input.name, site.input(position)!);
    for (const [name, found] of slices) if (!found) this.shared.set(name, name);
    this.step = this.copyOfStep(handedOn);
  }

  differentiate(): void {
    const { site, layout, step } = this;
    const { g } = site;
    const used = new Set(step.nodes.flatMap((node) => [...usedValues(node)]));
    const replayed = [...layout.counters, ...this.varying.map(({ input }) => input)].filter(
      ({ name }) => used.has(name) || this.moving.some(({ input }) => input.name === name),
    );
    const given = layout.collected.filter(({ output }) => site.gradientOf(output));
    const wanted = layout.elements.filter(({ position }) => site.wants(position));
    const sequences: Sequence[] = [
      ...given.map(({ output }) => ({ value: site.gradientOf(output)!, type: 'float32' as const })),
      ...replayed.map((info) => ({ value: this.handOut(info.name, info), type: this.typeOf(info), name: info.name })),
      ...layout.elements.map(({ input, position }) => ({
        value: site.input(position)!,
        type: this.typeOf(input),
        name: input.name,
      })),
    ];
    const places = this.slices.map(({ index }) => g.reshape(g.cast(this.handOut(index), 7), [-1, 1]));
    const { states, collected } = scan(g, {
      states: [...this.moving.map((state) => this.upstreamOf(state)), ...this.startsOfSums()],
      sequences,
      reverse: !this.reverse,
      body: step,
      step: (_, carried, elements) => {
        const before = new Emitter(g.model, g.prefix, step.nodes);
        const upstream = (result: string, gradient: string) => [before.op('Identity', [result]), gradient] as const;
        const targets = new Map([
          ...this.moving.map(({ result }, k) => upstream(result, carried[k]!)),
          ...given.map(({ result }, k) => upstream(result, elements[k]!)),
        ]);
        const by = [
          ...this.moving.map(({ input }) => input.name),
          ...wanted.map(({ input }) => input.name),
          ...this.slices.map(({ value }) => value),
          ...this.shared.keys(),
        ];
        const gradients = site.bodies.differentiate(step, targets, by);
        const end = new Emitter(g.model, g.prefix, step.nodes);
        const gradientOf = (name: string) => gradients.get(name) ?? end.op('Expand', [0, end.shape(name)]);
        const sums = carried.slice(this.moving.length);
        return {
          states: [
            ...this.moving.map(({ input }) => gradientOf(input.name)),
            ...[...this.shared.keys()].map((name, k) =>
              gradients.has(name) ? end.add(sums[k]!, gradients.get(name)!) : sums[k]!,
            ),
          ],
          collected: {
            elements: wanted.map(({ input }) => gradientOf(input.name)),
            slices: this.slices.map(({ value }) => gradientOf(value)),
          },
        };
      },
    });
    for (const [k, { position }] of this.moving.entries()) site.give(position, states[k]!);
    for (const [k, name] of [...this.shared.keys()].entries()) this.giveShared(name, states[this.moving.length + k]!);
    for (const [k, { position }] of wanted.entries()) site.give(position, collected.elements[k]!);
    for (const [k, { of }] of this.slices.entries())
      site.bodies.give(of, scatterAdd(site, zerosLike(site, of), places[k]!, collected.slices[k]!));
  }

  private giveShared(name: string, gradient: string): void {
    const state = this.layout.states.find(({ input }) => input.name === name);
    if (state) this.site.give(state.position, gradient);
    else this.site.bodies.give(name, gradient);
  }

  /** What reaches the last value of a state. */
  private upstreamOf({ position, output }: LoopState): string {
    return this.site.gradientOf(output) ?? zerosLike(this.site, this.site.input(position)!);
  }

  private startsOfSums(): string[] {
    return [...this.shared].map(([name, outer]) => {
      const state = this.layout.states.find(({ input }) => input.name === name);
      return state ? this.upstreamOf(state) : zerosLike(this.site, outer);
    });
  }

  /** What a step computes its states and collected values by; states that are handed on are those from outside. */
  private copyOfStep(handedOn: readonly LoopState[]): Graph {
    const step = cloneGraph(this.layout.body);
    const results = step.outputs.slice(this.layout.counters.length && 1).map(({ name }) => name);
    const needed = ancestorsOf(results, step.index().producer);
    const outside = handedOn.map(
      ({ input, position }) =>
        new Node({ op: 'Identity', inputs: [this.site.input(position)!], outputs: [input.name] }),
    );
    step.nodes = [...outside, ...step.nodes.filter((node) => needed.has(node))];
    step.inputs = [];
    step.outputs = [];
    step.valueInfos.clear();
    return step;
  }

  /** Makes the forward node give what a value of its body is at each step. @returns the output, a slice a step */
  private handOut(name: string, info?: ValueInfo): string {
    const { g, node } = this.site;
    const { body } = this.layout;
    const [copy, output] = [g.model.freshName(name), g.model.freshName(`${name}/steps`)];
    body.nodes.push(new Node({ op: 'Identity', inputs: [name], outputs: [copy] }));
    const type = info?.type ? this.typeOf(info) : this.site.type(name);
    body.outputs.push({ name: copy, ...(type && { type: { kind: 'tensor', elem: type } }) });
    const conditions = node.type === 'Loop' ? 1 : 0;
    while (node.outputs.length < body.outputs.length - conditions - 1) node.outputs.push('');
    node.outputs.push(output);
    for (const [attribute, value] of [
      ['scan_output_directions', Number(this.reverse)],
      ['scan_output_axes', 0],
    ] as const) {
      const others = node.ints(attribute);
      if (others) node.set(attribute, [...others, value]);
    }
    return output;
  }

  private typeOf({ name, type }: ValueInfo): DataType {
    if (type && type.kind !== 'tensor') return this.site.refuse('it carries something else than tensors');
    return type?.elem ?? this.site.type(name) ?? this.site.refuse(`the type of ${name} is not known`);
  }

  private checkShape({ input, position, result }: LoopState): void {
    const [first, next] = [this.site.input(position)!, result].map((name) => this.site.known(name));
    const differs = first && next && (first.length !== next.length || first.some((dim, k) => !mayBeSame(dim, next[k])));
    if (differs) this.site.refuse(`its state ${input.name} changes its shape`);
  }

  private isReverse(): boolean {
    const { node } = this.site;
    const axes = [...(node.ints('scan_input_axes') ?? []), ...(node.ints('scan_output_axes') ?? [])];
    if (axes.some(Boolean)) this.site.refuse('it goes along another axis than the first');
    const of = (name: string, count: number) => node.ints(name) ?? Array<number>(count).fill(0);
    const directions = new Set([
      ...of('scan_input_directions', this.layout.elements.length),
      ...of('scan_output_directions', this.layout.collected.length),
    ]);
    if (directions.size > 1) this.site.refuse('it goes in both directions at once');
    return directions.has(1);
  }
}

/** What takes slices of a captured value along its first axis, where nothing else in the body takes the value. */
function slicesOf(site: Site, body: Graph, name: string): Slices[] | undefined {
  if (body.outputs.some((output) => output.name === name)) return undefined;
  const slices: Slices[] = [];
  for (const node of body.nodes) {
    if (!usedValues(node).has(name)) continue;
    const [of, index] = node.inputs;
    const isSlice = node.type === 'Gather' && of === name && !node.int('axis', 0) && site.known(index!)?.length === 0;
    if (!isSlice || index === name) return undefined;
    slices.push({ of: name, value: node.outputs[0]!, index: index! });
  }
  return slices;
}

/** True but where one of two sizes is a number and the other is not the same. */
const mayBeSame = (a: Dim, b: Dim) =>
  a === b || a === undefined || b === undefined || (typeof a === 'string' && typeof b === 'string');
