/** A pass of a micro-batch through a stage. */
export interface Pass {
  kind: 'forward' | 'backward';
  microBatch: number;
}

/**
 * The order in which a stage works on the micro-batches of a batch, one forward and one backward pass in turn (1F1B:
 * Narayanan et al., "PipeDream", 2019): no more of them are under way in a stage than there are stages from it to the end.
 * @param after stages that come after it.
 */
export function oneForwardOneBackward(microBatches: number, after: number): Pass[] {
  const passes: Pass[] = [];
  const ahead = Math.min(after, microBatches);
  for (let k = 0; k < ahead; k++) passes.push({ kind: 'forward', microBatch: k });
  for (let k = 0; k < microBatches; k++) {
    if (k + ahead < microBatches) passes.push({ kind: 'forward', microBatch: k + ahead });
    passes.push({ kind: 'backward', microBatch: k });
  }
  return passes;
}

/** Share of their time that stages wait for others, where all take the same. */
export function bubbleShare(stages: number, microBatches: number): number {
  return (stages - 1) / (microBatches + stages - 1);
}
