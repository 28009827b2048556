import type { GraphIndex } from '../../ir/graph.js';
import { cloneNode, Model } from '../../ir/model.js';
import { Node } from '../../ir/node.js';
import { Tensor } from '../../ir/tensor.js';
import type { SessionOptions } from '../../runtime/protocol.js';
import { Session } from '../../runtime/session.js';
import { withLoadable } from '../../runtime/source.js';
import { applyPlan, type ModelFacts, type Settings } from './apply.js';
import type { CalibrationBatches } from './calibrate.js';
import { keyOf, type Plan, surveyModel } from './plan.js';
import { clampBehind } from './region.js';

const OUTPUT = 'nncompress_errors';

/**
 * The error that each treated node adds by itself: its treated form runs beside the float node on the same float
 * inputs, and both sums of squares are kept in the graph, so nothing but two numbers per node leaves the runtime.
 * @returns signal to quantization noise in dB by node key.
 */
export async function measureSensitivity(
  base: Model,
  plan: Plan,
  facts: ModelFacts,
  settings: Settings,
  batches: CalibrationBatches,
  session?: SessionOptions,
): Promise<Map<string, number>> {
  const { probe, keys } = probeOf(base, plan, facts, settings);
  const result = new Map<string, number>();
  if (!keys.length) return result;
  const sums = new Float64Array(keys.length * 2);
  const runner = await withLoadable([probe], ([source]) =>
    Session.create(source!, { ...session, optimization: 'basic' }),
  );
  try {
    for await (const feeds of batches()) {
      const errors = (await runner.run(feeds, [OUTPUT]))[OUTPUT]!.data as Float32Array;
      for (let i = 0; i < sums.length; i++) sums[i]! += errors[i]!;
    }
  } finally {
    await runner.release();
  }
  keys.forEach((key, i) => {
    const [signal, noise] = [sums[2 * i]!, sums[2 * i + 1]!];
    result.set(key, noise > 0 ? 10 * Math.log10(signal / noise) : Number.POSITIVE_INFINITY);
  });
  return result;
}

function probeOf(base: Model, plan: Plan, facts: ModelFacts, settings: Settings): { probe: Model; keys: string[] } {
  const probe = base.clone();
  const index = base.graph.index();
  const one = probe.addInitializer(Tensor.from('nncompress_one', 'int64', [1], [1]));
  const parts: string[] = [];
  const keys: string[] = [];
  for (const { key, node } of surveyModel(base).candidates) {
    const treatment = plan.get(key);
    if (!treatment || treatment === 'float' || !facts.isFloat32(key)) continue;
    const { single, output } = singleNodeModel(base, node, index);
    const treated = applyPlan(single, new Map([[key, treatment]]), facts, settings);
    const twin = splice(probe, treated, output);
    parts.push(...sumsOfSquares(probe, output, twin, one));
    keys.push(key);
  }
  probe.graph.nodes.push(new Node({ op: 'Concat', inputs: parts, outputs: [OUTPUT], attributes: { axis: 0 } }));
  probe.graph.outputs.push({ name: OUTPUT, type: { kind: 'tensor', elem: 'float32', shape: [undefined] } });
  return { probe, keys };
}

/** A model of one node, and the clamp behind it that would vanish into its QuantizeLinear. */
function singleNodeModel(base: Model, node: Node, index: GraphIndex): { single: Model; output: string } {
  const single = new Model();
  single.irVersion = base.irVersion;
  single.opsets = new Map(base.opsets);
  const nodes = [cloneNode(node)];
  const clamp = clampBehind(index, node);
  if (clamp) nodes.push(cloneNode(clamp));
  const made = new Set(nodes.flatMap((n) => n.outputs));
  for (const name of new Set(nodes.flatMap((n) => n.inputs).filter(Boolean))) {
    const constant = base.graph.initializers.get(name);
    if (constant) single.graph.initializers.set(name, constant);
    else if (!made.has(name)) single.graph.inputs.push({ name });
  }
  const output = keyOf(nodes[nodes.length - 1]!);
  single.graph.nodes = nodes;
  single.graph.outputs = [{ name: output }];
  return { single, output };
}

/** Copies a small model's nodes into the probe under fresh names; its inputs keep theirs. @returns the new output. */
function splice(probe: Model, part: Model, output: string): string {
  const names = new Map(part.graph.inputs.map((input) => [input.name, input.name]));
  const rename = (name: string): string => {
    if (!name) return '';
    const known = names.get(name) ?? probe.freshName(`nncompress_twin_${name}`);
    names.set(name, known);
    return known;
  };
  for (const [name, tensor] of part.graph.initializers)
    probe.graph.initializers.set(rename(name), tensor.renamed(rename(name)));
  for (const node of part.graph.nodes) {
    const copy = cloneNode(node);
    copy.name = '';
    copy.inputs = node.inputs.map(rename);
    copy.outputs = node.outputs.map(rename);
    probe.graph.nodes.push(copy);
  }
  for (const [domain, version] of part.opsets) if (!probe.opsets.has(domain)) probe.opsets.set(domain, version);
  return rename(output);
}

function sumsOfSquares(probe: Model, original: string, twin: string, one: string): string[] {
  const add = (op: string, inputs: string[], keepdims?: number) => {
    const output = probe.freshName(`nncompress_${op}`);
    probe.graph.nodes.push(new Node({ op, inputs, outputs: [output], attributes: { keepdims } }));
    return output;
  };
  const squares = (value: string) => add('Reshape', [add('ReduceSumSquare', [value], 0), one]);
  return [squares(original), squares(add('Sub', [twin, original]))];
}
