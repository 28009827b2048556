const rate = (side) => (side ? between(side.samplesPerSecond, (value) => value.toFixed(0)) : '–');
const megabytes = (side) => (side ? (side.peakMemoryBytes.median / 1e6).toFixed(0) : '–');
const between = ({ median, low, high }, format) => `${format(median)} (${format(low)}–${format(high)})`;

/** Titles and cells of each table, one row per model. */
const TABLES = [
  {
    title: 'Samples per second with Adam: forward, backward and step; median (least–most), peak MB of the process',
    columns: ['model', 'batch', 'ours', 'PyTorch', 'ours / PyTorch', 'ours MB', 'PyTorch MB', 'load'],
    row: ({ model, batch, tokens, speed: { ours, peer, ratio, load } }) => [
      model,
      tokens ? `${batch} × ${tokens} tokens` : batch,
      rate(ours),
      rate(peer),
      ratio ? `${ratio.value.toFixed(2)} (${ratio.low.toFixed(2)}–${ratio.high.toFixed(2)})` : '–',
      megabytes(ours),
      megabytes(peer),
      between(load, (value) => value.toFixed(1)),
    ],
  },
  {
    title: 'Loss curves of 100 steps of SGD: furthest apart, relative to PyTorch',
    columns: ['model', 'first loss', 'last loss, ours', 'last loss, PyTorch', 'apart', 'at step'],
    row: ({ model, curve }) =>
      curve
        ? [
            model,
            ...[curve.peer[0], curve.ours.at(-1), curve.peer.at(-1)].map((loss) => loss.toFixed(4)),
            curve.apart.toExponential(1),
            curve.step,
          ]
        : [model, '–', '–', '–', '–', '–'],
  },
];

/** The results as Markdown tables. */
export function markdownTables(results) {
  return TABLES.map(({ title, columns, row }) => {
    const lines = [columns, columns.map(() => '---'), ...results.map(row)];
    return `### ${title}\n\n${lines.map((cells) => `| ${cells.join(' | ')} |`).join('\n')}\n`;
  }).join('\n');
}
