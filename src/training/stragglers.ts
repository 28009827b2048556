/** How many times as long as others of its kind a worker takes that is worth a word. */
const STRAGGLING = 1.5;

/**
 * Names workers that the others wait for.
 * @param work milliseconds that each took for its part of a batch, stages of a pipeline side by side.
 */
export function stragglers(work: readonly number[], stages: number): string[] {
  return work.flatMap((own, k) => {
    const others = work.filter((_, place) => place !== k && place % stages === k % stages).sort((a, b) => a - b);
    const usual = others[(others.length - 1) >> 1];
    if (usual === undefined || own < STRAGGLING * usual) return [];
    return [
      `worker ${k + 1} of ${work.length} took ${own.toFixed(1)} ms for its part of a batch, others like it ` +
        `${usual.toFixed(1)} ms: they wait for it`,
    ];
  });
}
