import { describe, expect, it } from 'vitest';
import { createProgress } from '../../src/commands/progress.js';

/** A stream that keeps what is written to it, and a clock that the test moves. */
function fake(isTTY: boolean) {
  const written: string[] = [];
  const clock = { now: 0 };
  const stream = { isTTY, columns: 80, write: (text: string) => written.push(text) };
  return { written, clock, progress: createProgress(stream, false, () => clock.now) };
}

describe('createProgress', () => {
  it('draws a bar with rate and time left on a terminal', () => {
    const { written, clock, progress } = fake(true);
    const task = progress.start('calibrating', 100);
    clock.now = 2000;
    task.advance(50);
    expect(written.at(-1)).toBe('\r\x1b[Kcalibrating ━━━━━━━━━━━━──────────── 50%  50/100  25/s  2 s left');
    task.done();
    expect(written.at(-1)).toBe('\r\x1b[K');
  });
  it('writes a plain line every five seconds elsewhere', () => {
    const { written, clock, progress } = fake(false);
    const task = progress.start('evaluating', 100);
    for (let i = 0; i < 100; i++) {
      clock.now += 110;
      task.advance();
    }
    task.done();
    expect(written).toEqual([
      'evaluating 46%  46/100  9.1/s  6 s left\n',
      'evaluating 92%  92/100  9.1/s  1 s left\n',
      'evaluating 100%  100/100  9.1/s\n',
    ]);
  });
  it('says nothing of short work outside a terminal', () => {
    const { written, progress } = fake(false);
    progress.start('reading').done();
    expect(written).toEqual([]);
  });
  it('does not tear the bar when something else is written', () => {
    const { written, progress } = fake(true);
    progress.start('reading');
    progress.interrupt(() => written.push('note\n'));
    expect(written).toEqual(['\r\x1b[Kreading', '\r\x1b[K', 'note\n', '\r\x1b[Kreading']);
  });
});
