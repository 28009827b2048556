import type { ChannelGroup } from '../../analysis/channel-groups.js';
import { constantUses } from '../../analysis/parameters.js';
import { sumOf } from '../../group.js';
import type { Model } from '../../ir/model.js';
import { elementCount } from '../../ir/types.js';
import { MACS } from '../../ops/cost.js';

/** What a model costs: multiply-accumulates of one run, trained numbers, bytes of all constants. */
export interface Cost {
  macs: number;
  parameters: number;
  bytes: number;
}

/** Something that costs what the widths of some groups say. */
interface Term {
  groups: readonly number[];
  cost(widths: readonly number[]): Cost;
}

/**
 * The exact cost of a model at any widths of its groups: how many of their channels are left. Shapes of values are
 * those before, with shorter axes.
 */
export class ChannelCosts {
  private readonly fixed: Cost;
  private readonly terms: readonly Term[];
  private readonly ofGroup: readonly (readonly Term[])[];
  /** For each axis of a value that channels lie on: the groups, and which part of it one channel is. */
  private readonly axes = new Map<string, Map<number, [group: number, part: number][]>>();

  /** @param shapes those of the values on the inputs that are counted for (`measureCost`). */
  constructor(
    model: Model,
    private readonly groups: readonly ChannelGroup[],
    private readonly shapes: ReadonlyMap<string, readonly number[]>,
  ) {
    for (const [k, { members }] of groups.entries())
      for (const { value, axis, perChannel, size } of members) {
        const axes = this.axes.get(value) ?? new Map<number, [number, number][]>();
        this.axes.set(value, axes);
        axes.set(axis, [...(axes.get(axis) ?? []), [k, perChannel / size]]);
      }
    const all = [...this.macsTerms(model), ...this.constantTerms(model)];
    const full = groups.map(({ size }) => size);
    this.terms = all.filter((term) => term.groups.length);
    this.fixed = total(all.filter((term) => !term.groups.length).map((term) => term.cost(full)));
    this.ofGroup = groups.map((_, k) => this.terms.filter((term) => term.groups.includes(k)));
  }

  /** The cost where so many channels of each group are left. */
  at(widths: readonly number[]): Cost {
    return total([this.fixed, ...this.terms.map((term) => term.cost(widths))]);
  }

  /** What the layers around one group cost. */
  around(group: number, widths: readonly number[]): Cost {
    return total(this.ofGroup[group]!.map((term) => term.cost(widths)));
  }

  private macsTerms({ graph }: Model): Term[] {
    return graph.nodes.flatMap((node) => {
      const rule = MACS[node.type];
      if (!rule) return [];
      const values = [...node.inputs, ...node.outputs];
      const cost = (widths: readonly number[]) => ({
        macs:
          rule({
            node,
            input: (position) => this.shape(node.inputs[position], widths),
            output: (position) => this.shape(node.outputs[position], widths),
          }) ?? 0,
        parameters: 0,
        bytes: 0,
      });
      return [{ groups: this.groupsOf(values), cost }];
    });
  }

  private constantTerms(model: Model): Term[] {
    return constantUses(model).map(({ name, tensor, parameters }) => {
      const share = (widths: readonly number[]) =>
        this.axes.has(name) ? elementCount(this.shape(name, widths) ?? tensor.dims) / tensor.size : 1;
      const cost = (widths: readonly number[]) => ({
        macs: 0,
        parameters: parameters * share(widths),
        bytes: tensor.byteLength * share(widths),
      });
      return { groups: this.groupsOf([name]), cost };
    });
  }

  private groupsOf(values: readonly string[]): number[] {
    const axes = values.flatMap((value) => [...(this.axes.get(value)?.values() ?? [])]);
    return [...new Set(axes.flat().map(([group]) => group))];
  }

  private shape(value: string | undefined, widths: readonly number[]): readonly number[] | undefined {
    const dims = value ? this.shapes.get(value) : undefined;
    const axes = value ? this.axes.get(value) : undefined;
    if (!dims || !axes) return dims;
    const goneOf = ([k, part]: readonly [number, number]) => (this.groups[k]!.size - widths[k]!) * part;
    return dims.map((dim, axis) => {
      const parts = axes.get(axis);
      return parts ? Math.round(dim * (1 - sumOf(parts, goneOf))) : dim;
    });
  }
}

function total(costs: readonly Cost[]): Cost {
  const sum = { macs: 0, parameters: 0, bytes: 0 };
  for (const { macs, parameters, bytes } of costs) {
    sum.macs += macs;
    sum.parameters += parameters;
    sum.bytes += bytes;
  }
  return sum;
}
