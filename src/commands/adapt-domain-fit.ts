import { UserError } from '../errors.js';
import type { OutputKind } from '../evaluate/loss.js';
import type { Model } from '../ir/model.js';
import type { Report } from '../report/schema.js';
import { withWeights } from '../training/weights.js';
import type { DomainSamples } from './adapt-domain-data.js';
import { minimizeEntropy, type SurerModel } from './adapt-domain-entropy.js';
import {
  type DomainStatistics,
  estimateStatistics,
  type NormKinds,
  normKinds,
  openNorms,
} from './adapt-domain-norms.js';
import type { AdaptOptions } from './adapt-options.js';
import type { CommandContext } from './context.js';
import { trainingReport } from './training-run.js';
import type { Workbench } from './workbench.js';

type DomainReport = NonNullable<Report['domain']>;

/** A model, and samples that it is fitted to. */
export interface DomainSite {
  bench: Workbench;
  target: DomainSamples;
  /** Samples of the old domain. */
  source: DomainSamples | undefined;
  kind: OutputKind;
  /** Where checkpoints go. */
  checkpoint: string;
}

/** A model that fits another domain. */
export interface FittedModel {
  model: Model;
  report: Pick<DomainReport, 'method' | 'share' | 'norms'>;
  training?: Report['training'];
  warnings: string[];
}

type Method = 'statistics' | 'entropy' | 'both';

/**
 * Fits a model's normalizations to samples of another domain: by their statistics, by the entropy of predictions, or first by
 * the one and then by the other.
 * @throws UserError where there is nothing to fit
 */
export async function fitDomain(
  site: DomainSite,
  options: AdaptOptions,
  context: CommandContext,
): Promise<FittedModel> {
  const { bench, target, source, kind, checkpoint } = site;
  const kinds = await normKinds(bench);
  const method: Method = methodOf(site, kinds, options, context);
  const standIn = method === 'entropy' && !kinds.batch && !kinds.single ? target : undefined;
  const open = await openNorms(bench, kinds.single && !kinds.batch ? undefined : (source ?? standIn), context);
  const statistics =
    method === 'entropy' ? undefined : await estimateStatistics(open, target, { bench, prior: options.prior }, context);
  if (statistics && !statistics.norms.length) throw nothingToEstimate(bench, kinds, source);
  const known = statistics?.weights ?? new Map();
  const report = { method, share: statistics?.share, norms: statistics?.norms.map(normReport) };
  if (method === 'statistics') return { model: open.assemble(known), report, warnings: [] };
  const surer = await minimizeEntropy(
    {
      ...{ bench, target, kind, checkpoint, model: withWeights(open.model, known) },
      assemble: (weights) => open.assemble(new Map([...known, ...weights])),
    },
    options,
    context,
  );
  return { model: surer.model, report, training: trainingReport(surer), warnings: warningsOf(surer, method) };
}

/** By statistics, which win back most, where there are some; else by entropy. */
function methodOf(
  { bench }: DomainSite,
  { batch, single }: NormKinds,
  options: AdaptOptions,
  { note }: CommandContext,
) {
  if (options.fit !== 'auto') return options.fit;
  if (batch || !single) return 'statistics';
  note(
    `${bench.path} normalizes each sample by itself (${single}): there are no statistics to estimate anew, and scale and ` +
      'shift are trained on the entropy of predictions',
  );
  return 'entropy';
}

const normReport = ({ output, kind, moved, widened }: DomainStatistics['norms'][number]) => ({
  ...{ name: output, kind, moved, widened },
});

function warningsOf({ bestEpoch, collapsed, stopped }: SurerModel, method: Method): string[] {
  return [
    ...(stopped === undefined ? [] : [`training ended early: ${stopped}`]),
    ...(collapsed.length
      ? [`minimizing entropy took most samples for the same after epoch ${collapsed[0]}; such weights are not kept`]
      : []),
    ...(bestEpoch === 0
      ? [
          `minimizing entropy made predictions tell no more: the weights are those ${method === 'both' ? 'with the new statistics' : 'that the model came with'}`,
        ]
      : []),
  ];
}

function nothingToEstimate(
  { path }: Workbench,
  { batch, single }: NormKinds,
  source: DomainSamples | undefined,
): UserError {
  if (batch)
    return new UserError('has batch normalizations, but none with constant statistics in float32', {
      file: path,
      mend: 'export it for inference and in float32',
    });
  if (single)
    return new UserError(`normalizes each sample by itself (${single}): there are no statistics to estimate anew`, {
      file: path,
      mend: 'take --fit entropy',
    });
  if (source)
    return new UserError('has no batch normalization, nor a layer that looks like one with a folded one', {
      file: path,
      mend: 'see nncompress inspect',
    });
  return new UserError('has no batch normalization whose statistics could be estimated anew', {
    file: path,
    mend: 'where they were folded into other layers, name samples of the old domain with --source; else try --fit entropy',
  });
}
