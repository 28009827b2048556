import { cpSync, mkdirSync, readdirSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { openDataset } from '../../dist/data/open.js';
import { pickIndices } from '../../dist/data/sample.js';
import { openTask } from '../../dist/data/task.js';
import { ratioInterval } from '../../dist/evaluate/ratio.js';
import { measureLatency } from '../../dist/runtime/latency.js';
import { Session } from '../../dist/runtime/session.js';

const CALIBRATION_SAMPLES = 256;
const MANY_SAMPLES = 10_000;
const LATENCY_BATCHES = [1, 32];
const LATENCY_BUDGET = { milliseconds: 3000, rounds: [15, 400] };

/** Everything that is measured of one model: files, accuracy, size, latency, time and memory of both sides. */
export async function compareModel(processes, model, { rounds, say }) {
  const folder = join(processes.folder, model.name);
  copySettings(model.folder, folder);
  const file = (name) => join(folder, `${name}.onnx`);
  const samples = await chosenSamples(model, folder);

  say('default command');
  const auto = defaultCommand(processes, model, file('ours'));
  say('static quantization in turns');
  const { prepare, failure } = attempt(() => processes.peer('prepare', model.name, file('prepared')).output);
  const calibration = timeCalibration({
    ours: (count) => processes.ours(...staticArguments(model, file('ours-static'), count)),
    peer: () =>
      processes.peer('static', model.name, file('peer-static'), '--samples', samples, '--prepare', prepare ?? 'none'),
    rounds,
  });
  const dynamic = attempt(() => processes.peer('dynamic', model.name, file('peer-dynamic')));
  const failures = {
    'peer pre-process': failure,
    'peer static': calibration.peer.error,
    'peer dynamic': dynamic.error,
    'ours static': calibration.ours.error,
  };

  say('accuracy');
  const written = ['ours', 'ours-static', 'peer-static', 'peer-dynamic'].filter((name) => statOf(file(name)));
  const files = { float: describe(processes, model, model.path) };
  for (const name of written) files[name] = attempt(() => describe(processes, model, file(name)));
  say('latency');
  const timed = ['ours', 'peer-static', 'peer-dynamic'].filter((name) => files[name] && !files[name].error);
  const latency = await timeFiles(processes, model, timed, file);
  say('evaluation in turns');
  const evaluation = timeEvaluation(processes, model, rounds);
  return { model: model.name, auto, prepare, failures, calibration, files, latency, evaluation };
}

/** Written files are evaluated where the model's settings lie beside them. */
function copySettings(from, to) {
  mkdirSync(to, { recursive: true });
  for (const name of readdirSync(from).filter((entry) => /\.(json|txt)$/.test(entry)))
    cpSync(join(from, name), join(to, name));
}

/** The samples that nncompress calibrates on, by their place in the data, for the peer to use the same. */
async function chosenSamples(model, folder) {
  const path = join(folder, 'calibration-samples.list');
  const dataset = await openDataset(model.train);
  writeFileSync(path, JSON.stringify(pickIndices(dataset, CALIBRATION_SAMPLES, 0)));
  return path;
}

function defaultCommand(processes, model, output) {
  const args = [
    'quantize',
    model.path,
    '--data',
    model.test,
    '--calibration',
    model.train,
    '-o',
    output,
    '--force',
    '--json',
  ];
  const run = processes.ours(...args);
  const report = JSON.parse(run.output);
  const { seconds, peakBytes } = run;
  return {
    seconds,
    peakBytes,
    comparison: report.comparison,
    quantization: report.quantization,
    warnings: report.warnings,
  };
}

function staticArguments(model, output, count) {
  const how = ['--method', 'static', '--calibration-method', 'minmax', '--calibration-samples', String(count)];
  return ['quantize', model.path, '--calibration', model.train, ...how, '--no-benchmark', '-o', output, '--force'];
}

/** Both sides in turns, then ours with many samples (and once more with few, whose file is kept). */
function timeCalibration({ ours, peer, rounds }) {
  const turns = takeTurns({ ours: () => ours(CALIBRATION_SAMPLES), peer }, rounds);
  const many = attempt(() => ours(MANY_SAMPLES));
  attempt(() => ours(CALIBRATION_SAMPLES));
  const { output, ...cost } = many;
  return { ...turns, many: cost };
}

function timeEvaluation(processes, model, rounds) {
  const ours = () => processes.ours('evaluate', model.path, '--data', model.test, '--no-benchmark');
  return takeTurns({ ours, peer: () => processes.peer('evaluate', model.name) }, rounds);
}

/** Runs both sides in turns, in turned order every other round; a side that fails is not run again. */
function takeTurns(sides, rounds) {
  const runs = Object.keys(sides).map((name) => ({ name, done: [], error: undefined }));
  for (let round = 0; round < rounds; round++)
    for (const side of round % 2 ? runs.toReversed() : runs) {
      if (side.error) continue;
      const run = attempt(sides[side.name]);
      if (run.error) side.error = run.error;
      else side.done.push(run);
    }
  return Object.fromEntries(runs.map(({ name, done, error }) => [name, error ? { error } : spreadOf(done)]));
}

/** Median, least and most of what whole processes cost. */
function spreadOf(runs) {
  const spread = (values) => {
    const sorted = values.sort((a, b) => a - b);
    const middle = (sorted[(sorted.length - 1) >> 1] + sorted[sorted.length >> 1]) / 2;
    return { median: middle, low: sorted[0], high: sorted.at(-1) };
  };
  const costs = ['seconds', 'cpuSeconds', 'peakBytes'];
  return Object.fromEntries(costs.map((cost) => [cost, spread(runs.map((run) => run[cost]))]));
}

/** Size of a file and its accuracy on the whole test split. */
function describe(processes, model, path) {
  const { output } = processes.ours('evaluate', path, '--data', model.test, '--no-benchmark', '--json');
  const [{ bytes, metrics }] = JSON.parse(output).models;
  return { bytes, accuracy: metrics.accuracy, samples: metrics.samples };
}

/** Speed of files against float in Node's and in Python's onnxruntime: ratios with their intervals, per batch size. */
async function timeFiles(processes, model, names, file) {
  const paths = [model.path, ...names.map(file)];
  const node = await measureLatency(paths, await latencyFeeds(model), { threads: 1 }, LATENCY_BUDGET);
  const python = processes.peer('latency', model.name, ...paths).output;
  return LATENCY_BATCHES.flatMap((batch, k) => [
    { runtime: 'node', batch, ...speeds(names, node[k].milliseconds) },
    { runtime: 'python', batch, ...speeds(names, python[batch]) },
  ]);
}

function speeds(names, [float, ...others]) {
  const ratios = names.map((name, k) => [name, ratioInterval(float, others[k])]);
  return {
    floatMs: Float64Array.from(float).sort()[float.length >> 1],
    rounds: float.length,
    ...Object.fromEntries(ratios),
  };
}

/** The first test samples in one batch of each size. */
async function latencyFeeds(model) {
  const session = await Session.create(model.path);
  const data = await openTask(model.test, model.path, session);
  await session.release();
  const feeds = [];
  for (const batch of LATENCY_BATCHES) {
    const indices = Array.from({ length: batch }, (_, i) => i);
    for await (const part of data.stream(indices, batch)) feeds.push(part.feeds);
  }
  return feeds;
}

function statOf(path) {
  return statSync(path, { throwIfNoEntry: false });
}

/** What `run` gives, or `{ error }`: a tool that fails on a model is a finding, not the end of the comparison. */
function attempt(run) {
  try {
    return run() ?? {};
  } catch (error) {
    return { error: error.message.slice(0, 300) };
  }
}
