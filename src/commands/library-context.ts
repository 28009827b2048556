import { Chalk } from 'chalk';
import { ALONE } from '../parallel/world.js';
import type { CommandContext } from './context.js';

/** What a program may hear of a run. */
export interface RunListener {
  /** Remarks, as the program prints them to stderr. */
  onNote?: ((text: string) => void) | undefined;
  /** Work under way: what it is, how many steps are done and, where that is known, of how many. */
  onProgress?: ((work: { label: string; done: number; total?: number | undefined }) => void) | undefined;
}

/** The context of a run inside another program: nothing is printed. */
export function libraryContext({ onNote, onProgress }: RunListener): CommandContext {
  return {
    print() {},
    note: (text) => onNote?.(text),
    detail: (text) => onNote?.(text),
    color: new Chalk({ level: 0 }),
    width: 80,
    verbosity: 'normal',
    progress: {
      start(label, total) {
        let done = 0;
        onProgress?.({ label, done, total });
        return {
          advance(steps = 1) {
            done += steps;
            onProgress?.({ label, done, total });
          },
          done() {},
        };
      },
      interrupt: (write) => write(),
    },
    world: ALONE,
  };
}
