import { spawnSync } from 'node:child_process';

/** Runs a process to its end. @returns what it prints; throws with what it says of an error, or its last lines, where it fails */
export function execute(command, args, environment = {}) {
  const { status, stdout, stderr, error } = spawnSync(command, args.map(String), {
    encoding: 'utf8',
    maxBuffer: 1 << 28,
    env: { ...process.env, PYTHONDONTWRITEBYTECODE: '1', ...environment },
  });
  if (error) throw new Error(`${command} does not start: ${error.message}`);
  if (status !== 0) {
    const lines = stderr.trim().split('\n');
    const error = lines.filter((line) => /^\S*(Error|Divergence)\b/.test(line));
    throw new Error(`${args[0]} ended with ${status}: ${(error.length ? error : lines.slice(-3)).join(' | ')}`);
  }
  return stdout;
}

/** The JSON that a process prints as its last line. */
export function jsonOf(command, args, environment) {
  return JSON.parse(execute(command, args, environment).trim().split('\n').at(-1));
}

/** Median, least and most of some numbers. */
export function spread(numbers) {
  const sorted = numbers.toSorted((a, b) => a - b);
  const median = (sorted[(sorted.length - 1) >> 1] + sorted[sorted.length >> 1]) / 2;
  return { median, low: sorted[0], high: sorted.at(-1) };
}
