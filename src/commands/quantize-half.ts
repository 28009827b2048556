import type { HalfTarget } from '../ops/half.js';
import { applyPlan, type ModelFacts, type Settings } from '../passes/quantize/apply.js';
import { excludedBy } from '../passes/quantize/filter.js';
import { planHalf } from '../passes/quantize/half-plan.js';
import type { PreparedModel } from '../passes/quantize/index.js';
import { keyOf } from '../passes/quantize/plan.js';
import { type Calibration, calibrateValues } from './calibration.js';
import type { CommandContext } from './context.js';
import type { QuantizeOptions } from './quantize-options.js';
import type { ChosenPlan } from './quantize-plan.js';
import type { Workbench } from './workbench.js';

/** Samples that show which values come near the end of float16. */
const SAMPLES = 64;
/** Nodes that stay in float32 and are named, each with its reason. */
const NAMED = 3;

/**
 * Plans float16 arithmetic for the whole model. `--exclude` keeps any node in float32; `--include` and `--ops` choose
 * among the nodes that hold weights, and the others follow.
 */
export async function chooseHalf(
  bench: Workbench,
  prepared: PreparedModel,
  calibration: Calibration | undefined,
  target: HalfTarget,
  options: QuantizeOptions & { settings: Settings },
  context: CommandContext,
): Promise<ChosenPlan> {
  const { model, survey, isFloat32, isFloat16 } = prepared;
  const values = model.graph.nodes.flatMap(({ outputs }) => outputs.filter((name) => name && isFloat32(name)));
  const statistics = calibration
    ? await calibrateValues(bench, model, values, calibration, { histograms: false, samples: SAMPLES }, context)
    : new Map();
  const facts: ModelFacts = { isFloat32, isFloat16, statistics };
  const settings: Settings = { ...options.settings, halfTarget: target };

  const weighty = new Set(survey.candidates.map(({ node }) => node));
  const [any, chosen] = [excludedBy({ include: [], exclude: options.exclude }), excludedBy(options)];
  const { plan, reasons, kept } = planHalf(model, survey.candidates, {
    isFloat32,
    target,
    statistics,
    keep: (node) => (weighty.has(node) ? chosen : any)({ node, key: keyOf(node) }),
  });
  const others = [...kept].filter(([node]) => !weighty.has(node) && node.type !== 'Cast');
  const named = others.slice(0, NAMED).map(([node, reason]) => `${node.label} (${node.type}): ${reason}`);
  const more = others.length > NAMED ? [`${others.length - NAMED} more`] : [];
  const method = `fp16 for ${target}`;
  return {
    plan,
    settings,
    facts,
    method,
    trials: [{ name: method, plan, settings, facts }],
    excluded: reasons,
    warnings: others.length ? [`in float32 stay ${[...named, ...more].join('; ')}`] : [],
    build: (changed) => applyPlan(model, changed, facts, settings),
  };
}
