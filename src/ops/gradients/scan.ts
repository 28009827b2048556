import { Emitter } from '../../ir/emitter.js';
import { Graph } from '../../ir/graph.js';
import type { DataType } from '../../ir/types.js';

/** A value that is taken apart along its first axis. */
export interface Sequence {
  value: string;
  type: DataType;
  /** What an element is called in the body; a new name where absent. */
  name?: string;
}

/** A loop over the first axis of some values. */
export interface ScanSpec<Kind extends string> {
  /** Values of the states before the first step; float32. */
  states: readonly string[];
  /** Values that are taken apart along their first axis; float32 where no type is given. */
  sequences: readonly (string | Sequence)[];
  /** From the last element to the first; what comes out is in the order of what goes in. */
  reverse: boolean;
  /** A graph without inputs and outputs that becomes the body; empty where absent. */
  body?: Graph;
  /** Emits one step: from the states and an element of each sequence to the next states and what is collected. */
  step(g: Emitter, states: string[], elements: string[]): ScanStep<Kind, readonly string[]>;
}

/** States, and collections by what they are for. */
export interface ScanStep<Kind extends string, Names> {
  states: Names;
  collected: Record<Kind, Names>;
}

/** Emits a Scan (ONNX Scan-11) whose body sees the values around it. @returns the last states, and what was collected. */
export function scan<Kind extends string>(g: Emitter, spec: ScanSpec<Kind>): ScanStep<Kind, string[]> {
  const body = spec.body ?? new Graph();
  body.name = g.model.freshName(`${g.prefix}/step`);
  const declare = (base: string, type: DataType = 'float32', given?: string): string => {
    const name = given ?? g.model.freshName(`${g.prefix}/${base}`);
    body.inputs.push({ name, type: { kind: 'tensor', elem: type } });
    return name;
  };
  const sequences = spec.sequences.map(
    (one): Sequence => (typeof one === 'string' ? { value: one, type: 'float32' } : one),
  );
  const states = spec.states.map(() => declare('state'));
  const elements = sequences.map(({ type, name }) => declare('element', type, name));
  const result = spec.step(new Emitter(g.model, g.prefix, body.nodes), states, elements);
  const inner = new Emitter(g.model, g.prefix, body.nodes);
  const collections = Object.entries(result.collected) as [Kind, readonly string[]][];
  const collected = collections.flatMap(([, values]) => values);
  const taken = new Set([...states, ...elements]);
  // An output is a value of its own, made inside: what comes from outside or stands for two is copied.
  const output = (value: string): string => {
    const name = taken.has(value) ? inner.op('Identity', [value]) : value;
    taken.add(name);
    return name;
  };
  body.outputs = [...result.states, ...collected].map((value) => ({
    name: output(value),
    type: { kind: 'tensor', elem: 'float32' },
  }));
  const outputs = g.ops(
    'Scan',
    [...spec.states, ...sequences.map(({ value }) => value)],
    {
      body: { kind: 'graph', value: body },
      num_scan_inputs: sequences.length,
      scan_input_directions: sequences.map(() => Number(spec.reverse)),
      scan_output_directions: collected.map(() => Number(spec.reverse)),
    },
    body.outputs.length,
  );
  const take = (values: readonly string[]) => [...values.keys()].map(() => outputs.shift()!);
  const last = take(states);
  const groups = collections.map(([kind, values]) => [kind, take(values)]);
  return { states: last, collected: Object.fromEntries(groups) as Record<Kind, string[]> };
}
