const percent = (value) => (value === undefined ? '–' : (100 * value).toFixed(2));
const megabytes = (bytes) => (bytes === undefined ? '–' : (bytes / 1e6).toFixed(bytes < 1e7 ? 2 : 0));
const seconds = ({ median, low, high }) => `${median.toFixed(1)} (${low.toFixed(1)}–${high.toFixed(1)})`;
const memory = ({ median }) => (median / 1e6).toFixed(0);
const points = (drop) => (drop ? `${percent(drop.value)} (${percent(drop.low)} … ${percent(drop.high)})` : '–');
const speed = (ratio) => (ratio ? `${ratio.value.toFixed(2)} (${ratio.low.toFixed(2)}–${ratio.high.toFixed(2)})` : '–');

const WALL_CPU_MEMORY = ['s', 'CPU s', 'MB'].flatMap((unit) => [`ours ${unit}`, `peer ${unit}`, 'ours / peer']);
const FILES = ['float', 'ours', 'ours-static', 'peer-static', 'peer-dynamic'];
const SPEEDS = ['ours', 'peer-static', 'peer-dynamic'];

/** Titles and cells of each table, one row per model. */
const TABLES = [
  {
    title: 'Accuracy in percent and size in MB',
    columns: ['model', 'float', 'ours', 'ours, static min-max', 'peer static', 'peer dynamic'],
    row: ({ model, files }) => [model, ...FILES.map((name) => fileCell(files[name]))],
  },
  {
    title: 'Default command, whole process: it chooses, calibrates, evaluates, verifies and measures',
    columns: ['model', 's', 'MB', 'accuracy drop in points (95 % interval)', 'speed-up it reports', 'chosen'],
    row: ({ model, auto: { seconds, peakBytes, comparison, quantization } }) => [
      model,
      seconds.toFixed(1),
      megabytes(peakBytes),
      points(comparison?.accuracyDrop),
      speed(comparison?.speedup),
      quantization?.method,
    ],
  },
  ...['node', 'python'].map((runtime) => ({
    title: `Speed in ${runtime === 'node' ? "Node's" : "Python's"} onnxruntime: float time / int8 time, one thread (95 % interval of the median)`,
    columns: ['model', 'batch', 'float ms', 'ours', 'peer static', 'peer dynamic'],
    rows: ({ model, latency }) =>
      latency
        .filter((entry) => entry.runtime === runtime)
        .map((entry) => [model, entry.batch, entry.floatMs.toFixed(3), ...SPEEDS.map((name) => speed(entry[name]))]),
  })),
  {
    title:
      'Static min-max quantization with 256 samples, whole process: wall and processor seconds (least–most), peak MB',
    columns: ['model', ...WALL_CPU_MEMORY, 'ours MB, 10,000 samples', 'peer pre-process'],
    row: ({ model, calibration, prepare }) => [model, ...costCells(calibration), manyCell(calibration), prepare],
  },
  {
    title:
      'Evaluation of the float model on the whole test split, whole process: wall and processor seconds (least–most), peak MB',
    columns: ['model', ...WALL_CPU_MEMORY],
    row: ({ model, evaluation }) => [model, ...costCells(evaluation)],
  },
];

function fileCell(file) {
  if (!file) return 'not written';
  return file.error ? 'does not run' : `${percent(file.accuracy)}, ${megabytes(file.bytes)}`;
}

/** Wall time, processor time and memory of both sides with their ratios. */
function costCells({ ours, peer }) {
  return [
    ['seconds', seconds],
    ['cpuSeconds', seconds],
    ['peakBytes', memory],
  ].flatMap(([cost, format]) => {
    const cells = [ours, peer].map((side) => (side.error ? 'failed' : format(side[cost])));
    return [...cells, ours.error || peer.error ? '–' : (ours[cost].median / peer[cost].median).toFixed(2)];
  });
}

function manyCell({ ours, many }) {
  if (many.error || ours.error) return 'failed';
  return `${megabytes(many.peakBytes)} (${(many.peakBytes / ours.peakBytes.median).toFixed(2)}×)`;
}

/** The results as Markdown tables. */
export function markdownTables(results) {
  return TABLES.map(({ title, columns, row, rows = (result) => [row(result)] }) => {
    const lines = [columns, columns.map(() => '---'), ...results.flatMap(rows)];
    return `### ${title}\n\n${lines.map((cells) => `| ${cells.join(' | ')} |`).join('\n')}\n`;
  }).join('\n');
}

/** What the peer, or we, failed at. */
export function failureList(results) {
  const lines = results.flatMap(({ model, failures, files }) => [
    ...Object.entries(failures).map(([what, error]) => error && `- ${model}: ${what}: ${error}`),
    ...Object.entries(files).map(([name, { error }]) => error && `- ${model}: ${name} does not run: ${error}`),
  ]);
  return lines.filter(Boolean).join('\n');
}
