// cli-progress draws bars only; on a log it repeats whole bars, and it has no plain lines at intervals.

/** Work under way. */
export interface Task {
  /** Counts steps as done. */
  advance(steps?: number): void;
  /** Ends the task. */
  done(): void;
}

/** Shows work under way. */
export interface Progress {
  /** Begins a task; a total makes a bar with rate and time left. A task that is open is ended. */
  start(label: string, total?: number): Task;
  /** Lets something else write to the terminal without tearing the bar. */
  interrupt(write: () => void): void;
}

/** Milliseconds between redraws on a terminal, and between lines elsewhere. */
const REDRAW = 100;
const LINE = 5000;
const BAR = 24;

/** The part of a stream that progress needs. */
export interface ProgressStream {
  isTTY?: boolean;
  columns?: number;
  write(text: string): unknown;
}

/**
 * Progress on a stream: a bar that is redrawn on a terminal, a plain line every five seconds elsewhere, nothing where
 * quiet.
 * @param now milliseconds of a clock.
 */
export function createProgress(
  stream: ProgressStream,
  quiet: boolean,
  now: () => number = performance.now.bind(performance),
): Progress {
  if (quiet) return { start: () => ({ advance() {}, done() {} }), interrupt: (write) => write() };
  const tty = Boolean(stream.isTTY);
  let open: OpenTask | undefined;
  const clear = () => tty && open?.drawn && stream.write('\r\x1b[K');
  const draw = (task: OpenTask) => {
    task.drawn = true;
    task.shownAt = now();
    const text = describe(task, now(), tty);
    stream.write(tty ? `\r\x1b[K${text.slice(0, (stream.columns || 80) - 1)}` : `${text}\n`);
  };
  return {
    start(label, total) {
      clear();
      const task: OpenTask = { label, total, count: 0, startedAt: now(), shownAt: now(), drawn: false };
      open = task;
      if (tty) draw(task);
      return {
        advance(steps = 1) {
          task.count += steps;
          if (open === task && now() - task.shownAt >= (tty ? REDRAW : LINE)) draw(task);
        },
        done() {
          if (open !== task) return;
          clear();
          if (!tty && task.drawn) draw(task);
          open = undefined;
        },
      };
    },
    interrupt(write) {
      clear();
      write();
      if (tty && open) draw(open);
    },
  };
}

interface OpenTask {
  label: string;
  total: number | undefined;
  count: number;
  startedAt: number;
  shownAt: number;
  drawn: boolean;
}

function describe({ label, total, count, startedAt }: OpenTask, now: number, bar: boolean): string {
  if (!total) return count ? `${label} ${count}` : label;
  const share = Math.min(1, count / total);
  const filled = Math.round(share * BAR);
  const picture = bar ? `${'━'.repeat(filled)}${'─'.repeat(BAR - filled)} ` : '';
  const seconds = (now - startedAt) / 1000;
  const rate = seconds > 0.2 && count ? count / seconds : 0;
  const left = rate ? (total - count) / rate : 0;
  return [
    `${label} ${picture}${Math.floor(share * 100)}%`,
    `${count}/${total}`,
    rate ? `${rate.toFixed(rate < 10 ? 1 : 0)}/s` : '',
    rate && count < total ? `${duration(left)} left` : '',
  ]
    .filter(Boolean)
    .join('  ');
}

function duration(seconds: number): string {
  const whole = Math.ceil(seconds);
  return whole < 60 ? `${whole} s` : `${Math.floor(whole / 60)} min ${whole % 60} s`;
}
