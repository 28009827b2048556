import { broadcastPlace, joinBroadcast } from './elementwise.js';
import type { ChannelRow, ChannelSite } from './site.js';

/** Products of matrices. */
export const dense: Record<string, ChannelRow> = {
  MatMul: { couple: (site) => coupleProduct(site, false, false) },
  Gemm: { couple: coupleGemm },
  'com.microsoft.FusedGemm': { couple: coupleGemm },
  'com.microsoft.FusedMatMul': { couple: coupleFused },
  'com.microsoft.TransposeMatMul': { couple: coupleFused },
};

function coupleGemm(site: ChannelSite): void {
  coupleProduct(site, Boolean(site.node.int('transA', 0)), Boolean(site.node.int('transB', 0)));
  const added = site.input(2);
  if (added) joinBroadcast(site, [added], site.y);
}

function coupleFused(site: ChannelSite): void {
  const { node } = site;
  if (node.int('transBatchA', 0) || node.int('transBatchB', 0)) site.refuse('its batch axes are transposed');
  coupleProduct(site, Boolean(node.int('transA', 0)), Boolean(node.int('transB', 0)));
}

/** A [… M, K] · B [… K, N], each perhaps transposed; a vector is a matrix without the axis that is not summed over. */
function coupleProduct(site: ChannelSite, transA: boolean, transB: boolean): void {
  const [a, b, y] = [site.x, site.input(1)!, site.y];
  const [rankA, rankB, rank] = [site.rank(a), site.rank(b), site.rank(y)];
  const [last, columns] = [rankA - 1, rankB - 1];
  const depthA = rankA > 1 && transA ? last - 1 : last;
  const depthB = rankB > 1 && !transB ? columns - 1 : columns;
  site.contract([a, depthA], [b, depthB]);
  if (rankA > 1) site.produce([a, depthA === last ? last - 1 : last], [y, rankB > 1 ? rank - 2 : rank - 1]);
  if (rankB > 1) site.produce([b, depthB === columns ? columns - 1 : columns], [y, rank - 1]);
  coupleBatch(site, a, b);
}

/** The axes before those of the matrices are broadcast; products of two activations run side by side in them. */
function coupleBatch(site: ChannelSite, a: string, b: string): void {
  const { y } = site;
  const rank = Math.max(site.rank(a), site.rank(b));
  for (let axis = 0; axis < rank - 2; axis++) {
    const factors = [a, b].flatMap((factor) => (site.rank(factor) > 2 ? broadcastPlace(site, factor, axis, rank) : []));
    site.join([y, axis], ...factors);
    if (factors.length > 1) site.heads(y, axis);
  }
}
