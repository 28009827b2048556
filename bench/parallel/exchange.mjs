// What it costs that processes exchange gradients and weights: a model of it, as docs/parallel.md tells.
import { join } from 'node:path';
import { readModel } from '../../dist/onnx/read.js';
import { zoo } from './way.mjs';

/** Links between machines: bytes a millisecond, and milliseconds until a message arrives. */
export const NETWORKS = { '10 Gbit/s': { rate: 1.1e6, latency: 0.03 }, '1 Gbit/s': { rate: 0.117e6, latency: 0.06 } };

/** The link that link.mjs has measured. */
export function linkOf({ exchangeMs, vectors }) {
  const { length, reduceMs, gatherMs } = vectors.at(-1);
  // Of a vector of 4·n bytes, either process sends and receives half, and sums as much in the first of the two.
  return { rate: (4 * length) / (reduceMs + gatherMs), latency: exchangeMs };
}

/** Milliseconds that it takes to begin a message. */
const BEGIN = 0.002;

/**
 * Milliseconds that N processes take to exchange P parameters: each sends and receives (N − 1)/N of them twice, and a few
 * numbers before the step; messages to each of the others are begun one after the other, and under way together.
 */
export const exchange = ({ rate, latency }, parameters, processes) =>
  (2 * 4 * parameters * (processes - 1)) / processes / rate + 3 * (latency + (processes - 2) * BEGIN);

/** Parameters of a model of the zoo. */
export function countOf(name) {
  const constants = readModel(join(zoo, 'models', name, 'model.onnx')).constants();
  return [...constants.values()].reduce((sum, { type, size }) => sum + (type === 'float32' ? size : 0), 0);
}
