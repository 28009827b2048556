import { UserError } from '../../errors.js';
import type { Graph } from '../../ir/graph.js';
import type { Model } from '../../ir/model.js';
import type { Node } from '../../ir/node.js';
import { functionLanguage } from '../../onnx/functions.js';
import type { Pass, PassResult } from '../pass.js';
import { Site } from './site.js';
import { firstChange, IR_VERSIONS, OLDEST_OPSET, upgradeRow } from './table.js';
import { type KnownTypes, typesForUpgrade } from './types.js';

/**
 * A pass that raises a model's default operator set to `target`, and its IR version where that asks for it. Every node
 * is brought across each version in between by the rows of the table, in subgraphs too. Outputs stay as they are.
 * Model-local functions keep their bodies. A model that is at `target` already is left alone; one that an error leaves
 * is half way and not to be used.
 * @param target a version from 8 to 23.
 * @throws UserError where the target is unknown or below the model's version, the model is older than version 7, or a
 * node or a function has no equal in the target.
 */
export function upgradeOpset(target: number): Pass {
  const irVersion = IR_VERSIONS[target];
  if (irVersion === undefined)
    throw new UserError(`operator set ${target} is not one that models can be raised to`, {
      mend: `choose one from ${Object.keys(IR_VERSIONS).at(0)} to ${Object.keys(IR_VERSIONS).at(-1)}`,
    });
  return {
    name: 'upgrade-opset',
    description: `raise the operator set to version ${target}`,
    async run(model): Promise<PassResult> {
      const from = model.opset;
      if (from === target) return { changed: 0 };
      checkRange(model, target);
      for (const fn of model.functions) checkFunction(model, fn, target);
      const types = await typesForUpgrade(model, target);
      raiseIrVersion(model, irVersion);
      const changed = upgradeGraph({ model, from, target, types }, [model.graph]);
      setOpset(model, target);
      return { changed: changed + 1, notes: [`operator set ${from} raised to ${target}`] };
    },
  };
}

interface Upgrade {
  model: Model;
  from: number;
  target: number;
  types: KnownTypes;
}

/** Upgrades the first of `graphs`, which lies inside the others; returns how many nodes changed. */
function upgradeGraph(upgrade: Upgrade, graphs: readonly [Graph, ...Graph[]]): number {
  const [graph] = graphs;
  const changed = new Set<Node>();
  let inside = 0;
  for (const node of graph.nodes)
    for (const inner of node.subgraphs()) inside += upgradeGraph(upgrade, [inner, ...graphs]);
  for (let version = upgrade.from + 1; version <= upgrade.target; version++)
    graph.nodes = graph.nodes.flatMap((node) => {
      const row = upgradeRow(node.type, version);
      if (!row) return [node];
      const site = new Site(node, version, upgrade.model, graphs, upgrade.types);
      row.rewrite(site);
      changed.add(node);
      return [...site.before, node, ...site.after];
    });
  return changed.size + inside;
}

function checkRange(model: Model, target: number): void {
  const place = { file: model.source?.path };
  if (model.opset > target)
    throw new UserError(`is written in operator set ${model.opset}, which cannot be lowered to ${target}`, {
      ...place,
      mend: `export the model with operator set ${target} or older`,
    });
  if (model.opset < OLDEST_OPSET)
    throw new UserError(`is written in operator set ${model.opset}, older than ${OLDEST_OPSET}`, {
      ...place,
      mend: `export the model with operator set ${OLDEST_OPSET} or newer`,
    });
}

/**
 * A function's body names its own version, yet its operators have to mean the same in the model's (onnx.proto,
 * `FunctionProto.opset_import`): runtimes read them in the model's.
 */
function checkFunction(model: Model, fn: Model['functions'][number], target: number): void {
  const { opset = model.opset, operators } = functionLanguage(fn);
  for (const type of operators) {
    const version = firstChange(type, opset, target);
    if (version !== undefined)
      throw new UserError(`uses ${type}, which operator set ${version} changes, so the model cannot be raised`, {
        file: model.source?.path,
        where: `function ${fn.domain}.${fn.name}`,
        mend: 'inline the functions or export the model again with a newer operator set',
      });
  }
}

/** Below IR version 4 every initializer is listed among the inputs; above, that would let callers replace it. */
function raiseIrVersion(model: Model, needed: bigint): void {
  if (model.irVersion >= needed) return;
  const { graph } = model;
  if (model.irVersion < 4n && needed >= 4n)
    graph.inputs = graph.inputs.filter((input) => !graph.initializers.has(input.name));
  model.irVersion = needed;
}

function setOpset(model: Model, version: number): void {
  const named = ['', 'ai.onnx'].filter((domain) => model.opsets.has(domain));
  for (const domain of named) model.opsets.set(domain, version);
}
