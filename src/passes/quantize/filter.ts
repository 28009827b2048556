import { UserError } from '../../errors.js';
import { globToRegExp } from '../../glob.js';
import type { Model } from '../../ir/model.js';
import type { Candidate } from './plan.js';

/** Which nodes the user lets be quantized. */
export interface NodeFilter {
  include: readonly string[];
  exclude: readonly string[];
  ops?: readonly string[] | undefined;
}

/** A node and the name that it bears in every copy of the model. */
type Keyed = Pick<Candidate, 'node' | 'key'>;

/** Clean-up writes a dense layer in either form, so either name means both. */
const ALIASES: Readonly<Record<string, string>> = { Gemm: 'MatMul', MatMul: 'Gemm' };

/** Tells why the user's filter keeps a node in float; undefined where it does not. */
export function excludedBy(filter: NodeFilter): (keyed: Keyed) => string | undefined {
  const matcher = (patterns: readonly string[]) => {
    const expressions = patterns.map(globToRegExp);
    return ({ node, key }: Keyed) => expressions.some((e) => e.test(node.name) || e.test(key));
  };
  const included = matcher(filter.include);
  const excluded = matcher(filter.exclude);
  const ops = filter.ops && new Set(filter.ops.flatMap((op) => [op, ALIASES[op] ?? op]));
  return (candidate) => {
    if (ops && !ops.has(candidate.node.op)) return 'its operator is not among --ops';
    if (filter.include.length && !included(candidate)) return 'not among --include';
    return excluded(candidate) ? 'excluded by --exclude' : undefined;
  };
}

/**
 * Looks for what a filter names.
 * @param models the model as it was read, and as it was prepared.
 * @throws UserError for a pattern that fits no node, and for operators none of which is in the models.
 */
export function checkFilter({ include, exclude, ops }: NodeFilter, models: readonly Model[]): void {
  const nodes = models.flatMap(({ graph }) => [...graph.walk()].flatMap((inner) => inner.nodes));
  for (const [option, patterns] of Object.entries({ '--include': include, '--exclude': exclude }))
    for (const pattern of patterns) {
      const expression = globToRegExp(pattern);
      if (nodes.some((node) => [node.name, ...node.outputs].some((name) => expression.test(name)))) continue;
      throw new UserError(`'${pattern}' fits no node`, {
        file: option,
        mend: `give names of nodes, with * for any letters; one is '${nodes[0]?.label}'`,
      });
    }
  const present = new Set(nodes.map((node) => node.op));
  if (!ops || ops.some((op) => present.has(op))) return;
  throw new UserError(`the model has no ${ops.join(', ')}`, {
    file: '--ops',
    mend: `it has ${[...present].sort().join(', ')}`,
  });
}
