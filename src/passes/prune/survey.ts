import { findChannelGroups } from '../../analysis/channel-groups.js';
import { findResidualLayers } from '../../analysis/residual-layers.js';
import type { Model } from '../../ir/model.js';
import { prepareForDepth } from './drop-layers.js';

/** What can be pruned in a model, and what cannot. */
export interface PruningSurvey {
  /** Channels that can be removed one by one, and the layers that make them together. */
  groups: { name: string; channels: number; layers: string[] }[];
  /** Layers with channels that have to stay. */
  refused: { name: string; op: string; channels: number; of: number; reason: string }[];
  /** Residual blocks or transformer layers that can be left out. */
  layers: string[];
  refusedLayers: { name: string; reason: string }[];
}

/** Finds what can be pruned. The model stays as it is. */
export async function surveyPruning(original: Model): Promise<PruningSurvey> {
  const model = await prepareForDepth(original);
  const { groups, refused, facts } = await findChannelGroups(model);
  const depth = findResidualLayers(model, facts);
  return {
    groups: groups.map(({ name, size, producers }) => ({
      name,
      channels: size,
      layers: producers.map(({ node }) => node.label),
    })),
    refused: refused.map(({ node, count, of, reason }) => ({
      name: node.label,
      op: node.type,
      channels: count,
      of,
      reason,
    })),
    layers: depth.layers.map(({ name }) => name),
    refusedLayers: depth.refused,
  };
}
