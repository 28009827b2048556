/** Runs tasks in the order given, a few at a time. */
export interface Limiter {
  <Result>(task: () => Promise<Result>): Promise<Result>;
  /** Drops the tasks that have not begun. */
  stop(): void;
}

/** Runs tasks in the order given, `most` at a time. */
export function limiter(most: number): Limiter {
  const waiting: (() => void)[] = [];
  let running = 0;
  const limit = async <Result>(task: () => Promise<Result>): Promise<Result> => {
    if (running < most) running += 1;
    else await new Promise<void>((begin) => waiting.push(begin));
    try {
      return await task();
    } finally {
      const next = waiting.shift();
      if (next) next();
      else running -= 1;
    }
  };
  return Object.assign(limit, {
    stop() {
      waiting.length = 0;
    },
  });
}
