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

/** Micro-batches of a batch, per stage: with more, stages would wait little less for each other. */
const MOST_PER_STAGE = 4;
/** Rows of a micro-batch that are worth having: with fewer, operators have too little to do at once. */
const ROWS_WORTH_HAVING = 16;

/** In how many micro-batches rows go through stages: enough that no stage waits all the time. */
export function microBatchesOf(rows: number, stages: number): number {
  const wanted = Math.floor(rows / ROWS_WORTH_HAVING);
  return Math.min(rows, Math.max(stages, Math.min(wanted, MOST_PER_STAGE * stages)));
}
