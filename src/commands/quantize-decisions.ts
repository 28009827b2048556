import type { PreparedModel } from '../passes/quantize/index.js';
import type { Candidate, Plan, Treatment } from '../passes/quantize/plan.js';
import type { NodeReport } from '../report/schema.js';

/** What a treatment means to a reader of the report. */
const REASONS: Readonly<Record<Exclude<Treatment, 'float'>, string>> = {
  static: 'integer kernel with calibrated ranges',
  dynamic: 'integer kernel with ranges computed at run time',
  'int8-storage': 'weights stored as int8, computed in float',
  int4: '4-bit weights',
  'fp16-storage': 'weights stored as float16, computed in float32: the CPU has few float16 kernels',
  fp16: 'weights and arithmetic in float16',
};

/** What was decided for each node that holds weights, with the reason. */
export function decisionsOf(
  prepared: PreparedModel,
  plan: Plan,
  excluded: ReadonlyMap<string, string>,
  sensitivity: ReadonlyMap<string, number>,
): NodeReport[] {
  const { candidates, refused } = prepared.survey;
  const treated = candidates
    .filter(({ family, key }) => family !== 'attention' || plan.get(key) !== 'float')
    .map((candidate): NodeReport => {
      const decision = plan.get(candidate.key) ?? 'float';
      const sqnrDb = sensitivity.get(candidate.key);
      return {
        name: candidate.node.label,
        op: candidate.node.type,
        decision,
        reason: excluded.get(candidate.key) ?? reasonFor(candidate, decision),
        ...(sqnrDb !== undefined && Number.isFinite(sqnrDb) && { sqnrDb }),
      };
    });
  const left = refused.map(
    ({ node, reason }): NodeReport => ({ name: node.label, op: node.type, decision: 'float', reason }),
  );
  return [...treated, ...left];
}

function reasonFor({ reason, family, treatments }: Candidate, decision: Treatment): string {
  if (decision === 'float') return 'put back to float: it harmed the predictions most';
  if (decision !== 'int8-storage') return REASONS[decision];
  if (reason) return `${REASONS[decision]}: ${reason}`;
  const couldCompute = family !== 'embedding' && treatments.some((t) => t === 'static' || t === 'dynamic');
  return couldCompute ? `${REASONS[decision]}: no integer kernel was faster or asked for` : REASONS[decision];
}
